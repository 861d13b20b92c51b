"""What the script's own forked processes call: counted, and some of it kept, in memory they share with us.

A worker process that draws its tasks from a queue gets them where nobody else sees them. Each child has a slot of its
own, chosen before the fork, so that no lock is needed; a child that dies leaves what it had put there by then.
"""

from __future__ import annotations

import _thread
import builtins
import functools
import itertools
import mmap
import os
import pickle
import struct
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .digest import digest
from .holding import Strong
from .pickling import pickled
from .sample import Task
from .site import OFF_AFTER_CALLS, OFF_BELOW_S
from .tally import BLOCK, PERIOD

if TYPE_CHECKING:
    from .recorder import Recorder
    from .site import Site
    from .values import Arguments, Function, Keywords, Value

CHILDREN = 64  # later ones are not looked into
SITES = 64
SLOT_BYTES = 64 * 1024
KEPT = 16  # calls of a site in one child
_SPEND_S = 0.25  # what keeping calls may cost a child in all
_COUNT = struct.Struct("<Q")
_TABLE_BYTES = SITES * _COUNT.size
_ROOM = SLOT_BYTES - _TABLE_BYTES - _COUNT.size


class Offspring:
    """The slots, seen from both sides."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.page = mmap.mmap(-1, CHILDREN * SLOT_BYTES)
        self.owners: list[str] = []  # of each slot given away: the site whose task the child is, "" where not known
        self.owner = ""
        self.slot: Slot | None = None

    def install(self) -> None:
        """Look into every child forked from here on."""
        os.register_at_fork(before=self.before_fork)

    def before_fork(self) -> None:
        """In the parent: a slot for the child."""
        self.slot = None
        if self.recorder.recording and len(self.owners) < CHILDREN:
            self.slot = self.of_child(len(self.owners))
            self.owners.append(self.owner)

    def of_child(self, number: int) -> Slot:
        """The slot of a child by its number."""
        return Slot(memoryview(self.page)[number * SLOT_BYTES : (number + 1) * SLOT_BYTES])

    def in_forked_child(self) -> None:
        """In a child: count and keep calls of the sites there are, in place of recording them; not in its children."""
        slot, self.slot = self.slot, None
        places = {site: place for place, site in enumerate(_eligible(self.recorder))}
        for site in self.recorder.sites.values():
            place = places.get(site)
            wrapped = hasattr(builtins, site.wrap_name)
            if slot is not None and place is not None and wrapped and site.tally.period == 1:
                setattr(builtins, site.wrap_name, Kept(self.recorder, slot, place, site).wrap)
                continue
            site.tally.pass_all()  # turns of loops among them
            if wrapped:  # by the parent's, in a child's child: what is called here is none of the parent's calls
                setattr(builtins, site.wrap_name, site.wrap_unticked)

    def gather(self) -> None:
        """In the parent, at the end: give each site the calls that children made."""
        sites = _eligible(self.recorder)
        for number, owner in enumerate(self.owners):
            slot = self.of_child(number)
            for place, site in enumerate(sites):
                calls = slot.count(place)
                if calls:
                    site.tally.add(calls)
                    site.processes += 1
                    site.around.add(owner)
            for place, record in slot.records():
                _adopt(sites[place], record)


def _eligible(recorder: Recorder) -> list[Site]:
    """The sites that have a place in the tables: the same ones on both sides, since new ones come last."""
    return [site for site in recorder.sites.values() if site.where.get("kind", "call") == "call"][:SITES]


def _adopt(site: Site, record: bytes) -> None:
    """One call that a child kept becomes a task of the site, as if it had been recorded here."""
    try:
        data, result, took_s = pickle.loads(record)
        function, args, kwargs = pickle.loads(data)
    except Exception:  # of a class that only the child knew
        return
    task = Task(len(site.sample.tasks), Strong(function, 0))
    task.data = pickle.dumps((args, kwargs))
    task.size = len(task.data)
    task.digest, task.traced_s = result, took_s
    site.traced_s += took_s
    if site.target is None:
        site.meet(function)
    site.sample.offered += 1
    site.sample.argument_bytes.append(len(task.data))
    site.sample.keep(len(site.sample.tasks), task)


class Slot:
    """One child's memory: a table of counts, and records one after the other."""

    def __init__(self, memory: memoryview) -> None:
        self.memory = memory

    def set_count(self, place: int, calls: int) -> None:
        """So many calls of the site at `place` were made."""
        _COUNT.pack_into(self.memory, place * _COUNT.size, calls)

    def count(self, place: int) -> int:
        """Calls of the site at `place`."""
        calls: int = _COUNT.unpack_from(self.memory, place * _COUNT.size)[0]
        return calls

    def put(self, place: int, record: bytes) -> bool:
        """Add a record; its length is written last, so that a reader sees whole ones only. False where it is full."""
        used = self._used()
        data = _COUNT.pack(place) + _COUNT.pack(len(record)) + record
        if used + len(data) > _ROOM:
            return False
        start = _TABLE_BYTES + _COUNT.size + used
        self.memory[start : start + len(data)] = data
        _COUNT.pack_into(self.memory, _TABLE_BYTES, used + len(data))
        return True

    def records(self) -> Iterator[tuple[int, bytes]]:
        """All records, as (place of the site, record)."""
        start = _TABLE_BYTES + _COUNT.size
        end = start + self._used()
        while start < end:
            place, length = _COUNT.unpack_from(self.memory, start)[0], _COUNT.unpack_from(self.memory, start + 8)[0]
            yield place, bytes(self.memory[start + 16 : start + 16 + length])
            start += 16 + length

    def _used(self) -> int:
        used: int = _COUNT.unpack_from(self.memory, _TABLE_BYTES)[0]
        return used


class Kept:
    """One site in one child."""

    spent_s = 0.0

    def __init__(self, recorder: Recorder, slot: Slot, place: int, site: Site) -> None:
        self.recorder = recorder
        self.slot = slot
        self.place = place
        self.site = site
        self.passes: Callable[[], int] | None = None  # asked here where the source cannot ask
        self.numbers = itertools.count(1)
        self.period, self.before = 1, 0
        self.began = 0.0
        self.left = KEPT
        self.inside: set[int] = set()

    def wrap(self, function: Function) -> Function:
        """What the rewritten source calls in place of `function`."""
        if self.passes is not None and self.passes():
            return function
        if function is map or self.recorder.leaves_alone(function):
            return function
        calls = self.before + self.period * next(self.numbers)
        self.slot.set_count(self.place, calls)
        if calls == 1:
            self.began = time.perf_counter()
        elif calls == OFF_AFTER_CALLS and time.perf_counter() - self.began <= OFF_AFTER_CALLS * OFF_BELOW_S:
            self.slow_down(calls)
        if self.left <= 0 or Kept.spent_s > _SPEND_S or _thread.get_ident() in self.inside:
            return function
        return functools.partial(self.call, function)

    def slow_down(self, calls: int) -> None:
        """Look at one call in `PERIOD`: they follow each other so soon that looking would take longer than they do.

        From here on their number is that of whole periods.
        """
        self.before, self.numbers, self.period = calls, itertools.count(1), PERIOD
        tick = itertools.chain.from_iterable(itertools.repeat(BLOCK)).__next__
        if hasattr(builtins, self.site.tally.tick_name):
            self.site.tally.set_tick(tick)
        else:
            self.passes = tick

    def call(self, function: Function, /, *args: Value, **kwargs: Value) -> Value:
        """Run one call of the user's and keep it."""
        began = time.thread_time()
        self.left -= 1
        sent = _sent(function, args, kwargs)
        Kept.spent_s += time.thread_time() - began
        thread = _thread.get_ident()
        self.inside.add(thread)
        called = time.perf_counter()
        try:
            result = function(*args, **kwargs)
        finally:
            took_s = time.perf_counter() - called
            self.inside.discard(thread)
        if sent is None:  # this site's calls cannot be sent: none of the next ones either
            self.left = 0
            return result
        began = time.thread_time()
        self.slot.put(self.place, pickle.dumps((sent, digest(result), took_s)))
        Kept.spent_s += time.thread_time() - began
        return result


def _sent(function: Function, args: Arguments, kwargs: Keywords) -> bytes | None:
    """The call as it is now, whatever it changes; None where it cannot be pickled."""
    try:
        return pickled((function, args, kwargs), _ROOM, _SPEND_S)
    except Exception:  # whatever a __reduce__ of the user's raises, or too much
        return None
