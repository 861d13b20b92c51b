"""The recorder: every call of a hot site passes through here, and some are kept to be run again."""

from __future__ import annotations

import _thread
import builtins
import functools
import itertools
import time
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .digest import digest
from .effects import Effects, Notes
from .openfiles import written_bytes
from .sample import SITE_BYTES, Sample, Task, TooMuchError, is_immutable, pickled
from .witness import RecentResults, Witness

if TYPE_CHECKING:
    from concurrent.futures import Future

WITNESS_CALLS = 4  # calls whose arguments, globals and files are compared before and after
OFF_AFTER_CALLS = 2_000  # a site called this often ...
OFF_BELOW_S = 100e-6  # ... for less than this each is sampled from then on
OFF_PERIOD = 1_024  # one call in so many
_WEIGHED_RESULTS = 4
_DIGEST_S = 0.05  # a result that takes longer than this to digest is not digested again at its site
_PICKLE_AT_LEAST_S = 0.5  # what the first pickle of a site may take, whatever is left of the allowance
# Functions of these look at the frame that calls them, and must find the user's.
_FRAME_READERS = frozenset(
    {"abc", "collections", "dataclasses", "enum", "inspect", "logging", "sys", "traceback", "types", "typing", "warnings"}
)

Function = Callable[..., Any]


class Allowance:
    """How long recording may take in all; what is over is not recorded, and the script goes on."""

    def __init__(self, seconds: float) -> None:
        self.left_s = seconds

    def spend(self, seconds: float) -> None:
        """Take `seconds` off."""
        self.left_s -= seconds


def _same(function: Function) -> Function:
    return function


class Gate(functools.partial):  # type: ignore[type-arg]  # not generic at run time on 3.11
    """The user's function on its way through `Site.gated`; pickled, it is the user's function alone."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _same, (self.args[0],)


class Site:
    """One call expression of the user's code, or one pool.

    `where` are its place and kind as the host knows them. `calls` is exact: `wrap` or `gated` counts each call,
    also while most of them only pass `tick`.
    """

    numbers = itertools.count(1)

    def __init__(self, recorder: Recorder, where: dict[str, Any]) -> None:
        self.recorder = recorder
        self.id = f"c{next(self.numbers)}"
        self.where = where
        # One underscore: two would be mangled inside the user's classes.
        self.wrap_name = f"_advisor_wrap_{self.id}"
        self.tick_name = f"_advisor_tick_{self.id}"
        self.tick: Callable[[], int] = itertools.repeat(0).__next__
        self.period = 1
        self.calls = 0
        self.traced_s = 0.0
        self.sample = Sample()
        self.target: Function | None = None
        self.deferred = False
        self.current: dict[str, Any] | None = None
        self.inside: set[int] = set()
        self.most_inside = 0
        self.pickle_error: str | None = None
        self.pickle_s: list[float] = []
        self.argument_bytes: list[int] = []
        self.result_bytes: list[int] = []
        self.reused = 0
        self.results = RecentResults()
        self.mutated: set[str] = set()
        self.touched: dict[str, object] = {}
        self.notes = Notes(self.id)
        self.witnessed = 0
        self.digesting = True
        self.mapped: Site | None = None

    # --- the path of every call -------------------------------------------------------------------

    def wrap(self, function: Function) -> Function:
        """What the rewritten source calls in place of `function`, unless `tick` lets it pass."""
        if not self.recorder.recording or self.recorder.leaves_alone(function):
            return function
        if function is map:
            return self.map
        index = self.count()
        if _thread.get_ident() in self.inside:  # a call inside a call of the same site is no task by itself
            return function
        return functools.partial(self.call, index, function)

    def wrap_unticked(self, function: Function) -> Function:
        """As `wrap`, for a callee that the source has only once: it could not ask `tick`."""
        return function if self.tick() else self.wrap(function)

    def map(self, function: Function, *iterables: Any) -> Iterator[Any]:
        """The builtin `map`: its function is the task, not the call of `map`."""
        if self.mapped is None:
            name = getattr(function, "__qualname__", None) or "map"
            self.mapped = self.recorder.new_site(**{**self.where, "callee": name, "in_loop": True})
        return map(Gate(self.mapped.gated, function), *iterables)

    def gated(self, function: Function, /, *args: Any, **kwargs: Any) -> Any:
        """Run and count one call that no rewritten source has counted."""
        if self.tick() or not self.recorder.recording:
            return function(*args, **kwargs)
        return self.call(self.count(), function, *args, **kwargs)

    def count(self) -> int:
        """Count one call (or the period it stands for); its number. No thread can cut in between the two lines."""
        index = self.calls
        self.calls = index + self.period
        if index >= OFF_AFTER_CALLS and self.period == 1 and self.traced_s <= OFF_AFTER_CALLS * OFF_BELOW_S:
            self.slow_down()
        return index

    def call(self, index: int, function: Function, /, *args: Any, **kwargs: Any) -> Any:
        """Run one call of the user's and record it."""
        recorder = self.recorder
        if not recorder.recording:
            return function(*args, **kwargs)
        task, witness, written = self.before(index, function, args, kwargs)
        thread, stack = _thread.get_ident(), recorder.effects.stack()
        outermost = thread not in self.inside
        self.enter(thread)
        stack.append(self.notes)
        began = time.perf_counter()
        try:
            result = function(*args, **kwargs)
        except BaseException:
            if task is not None:
                self.sample.drop(task)
            raise
        finally:
            if outermost:
                self.traced_s += (time.perf_counter() - began) * self.period
                self.inside.discard(thread)
            stack.pop()
            if written is not None:
                self.look_at_writes(witness, written)
        self.after(task, witness, result, args, kwargs)
        return result

    def enter(self, thread: int) -> None:
        self.inside.add(thread)
        if len(self.inside) > self.most_inside:
            self.most_inside = len(self.inside)

    def before(
        self, index: int, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Task | None, Witness | None, int | None]:
        """Record what is known before the call: task, witness and bytes written so far, where it is chosen."""
        if self.target is None:
            self.target = function
        if self.results.are_in(args, kwargs):
            self.reused += 1
        slot = self.sample.choose()
        allowance = self.recorder.allowance
        if slot is None or allowance.left_s <= 0:
            return None, None, None
        began = time.perf_counter()
        task = self.capture(index, function, args, kwargs)
        if task is not None:
            self.sample.keep(slot, task)
        witness = None
        if self.witnessed < WITNESS_CALLS:
            self.witnessed += 1
            witness = Witness(function, args, kwargs, self.recorder.effects.open_files)
        written = written_bytes()
        allowance.spend(time.perf_counter() - began)
        return task, witness, -1 if written is None else written

    def after(
        self, task: Task | None, witness: Witness | None, result: object, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Record what is known once the call has returned."""
        if type(result) in _DEFERRED or hasattr(type(result), "__await__"):
            self.deferred = True
            return
        self.results.add(result, args, kwargs)
        if task is None or self.recorder.allowance.left_s <= 0:
            return
        began = time.perf_counter()
        if witness is not None:
            self.judge(witness)
        if self.digesting:
            digested = time.perf_counter()
            task.digest = digest(result)
            self.digesting = time.perf_counter() - digested < _DIGEST_S
        if len(self.result_bytes) < _WEIGHED_RESULTS:
            self.result_bytes.append(_pickled_size(result))
        self.recorder.allowance.spend(time.perf_counter() - began)

    # --- tasks that run in another process ----------------------------------------------------------

    def note(self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Task | None:
        """Record a task handed to another process: it runs there, so only what is sent is seen."""
        if not self.recorder.recording or self.tick():
            return None
        self.witnessed = WITNESS_CALLS
        return self.before(self.count(), function, args, kwargs)[0]

    def returned(self, task: Task | None, future: Future[Any]) -> None:
        """The result of a noted task has come back."""
        if task is None or not self.recorder.recording or future.cancelled():
            return
        if future.exception() is not None:
            self.sample.drop(task)
        else:
            self.after(task, None, future.result(), (), {})

    # --- what is kept -----------------------------------------------------------------------------

    def capture(
        self, index: int, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Task | None:
        """The call as a task; None where its arguments are too much to keep."""
        task = Task(index, function)
        if is_immutable(args, kwargs):
            task.args, task.kwargs = args, kwargs
            self.argument_bytes.append(task.size)
            return task
        began = time.perf_counter()
        try:
            task.data = pickled((args, kwargs), SITE_BYTES, max(_PICKLE_AT_LEAST_S, self.recorder.allowance.left_s))
            self.argument_bytes.append(len(task.data))
        except TooMuchError:
            return None
        except Exception as error:  # whatever a __reduce__ of the user's raises
            self.pickle_error = f"{type(error).__name__}: {error}"
            task.args, task.kwargs = args, kwargs
        self.pickle_s.append(time.perf_counter() - began)
        return task

    def slow_down(self) -> None:
        """Sample from now on: calls are too many and too short to be recorded one by one.

        `calls` counts the whole period under way from its start; `finish` takes off what of it did not happen.
        """
        self.period = OFF_PERIOD
        self.calls += OFF_PERIOD - 1
        self.sample.restart(offered=OFF_AFTER_CALLS // OFF_PERIOD + 1)
        self.set_tick(itertools.cycle((1,) * (OFF_PERIOD - 1) + (0,)).__next__)

    def set_tick(self, tick: Callable[[], int]) -> None:
        self.tick = tick
        if hasattr(builtins, self.tick_name):
            setattr(builtins, self.tick_name, tick)

    def finish(self) -> None:
        """Settle the count and the sample once the script is over."""
        if self.period > 1:
            self.calls -= next(passed for passed in itertools.count() if not self.tick())
            self.set_tick(itertools.repeat(1).__next__)
        self.sample.settle()
        if self.pickle_error is None and self.sample.tasks:
            self.look_at_callee()
        self.results.clear()
        self.touched.clear()

    def look_at_callee(self) -> None:
        """Find out whether the callee can be sent to another process."""
        try:
            pickled(self.target, SITE_BYTES, _PICKLE_AT_LEAST_S)
        except TooMuchError:
            return
        except Exception as error:  # a lambda, a closure, a bound method of what cannot be pickled
            self.pickle_error = f"{type(error).__name__}: {error}"

    # --- what a call did besides returning ----------------------------------------------------------

    def judge(self, witness: Witness) -> None:
        """Note what the call changed; an argument counts once two calls have changed the same object."""
        for name, owner in witness.changes():
            if owner is None or self.touched.get(name, self) is owner:
                self.mutated.add(name)
            elif name not in self.touched:
                self.touched[name] = owner

    def look_at_writes(self, witness: Witness | None, before: int) -> None:
        """Note writes that raised no audit event: by native code, or to files that were open already."""
        began = time.perf_counter()
        if witness is not None:
            for path in witness.files_written():
                self.notes.add("file-write", f"writes to {path}, which was open already")
        after = written_bytes()
        if after is not None and 0 <= before < after and not self.notes.seen:
            self.notes.add("file-write", f"wrote {after - before} bytes through native code")
        self.recorder.allowance.spend(time.perf_counter() - began)


_DEFERRED = frozenset({types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType})


def _pickled_size(value: object) -> int:
    try:
        return len(pickled(value, SITE_BYTES, _PICKLE_AT_LEAST_S))
    except Exception:  # a size that cannot be had is no size
        return 0


class Recorder:
    """All sites of this interpreter."""

    def __init__(self, effects: Effects, allowance_s: float) -> None:
        """`allowance_s` is how long recording may take in all."""
        self.effects = effects
        self.allowance = Allowance(allowance_s)
        self.sites: dict[str, Site] = {}
        self.recording = True
        self.passed_by: set[object] = set()

    def leaves_alone(self, function: Function) -> bool:
        """True for methods of pools, whose task is what they are given, and for what reads its caller's frame."""
        if type(function) is types.MethodType and function.__func__ in self.passed_by:
            return True
        return getattr(function, "__module__", None) in _FRAME_READERS

    def new_site(self, **where: Any) -> Site:
        """Register a site; the instrumenter and the pools call this."""
        site = Site(self, where)
        self.sites[site.id] = site
        return site

    def stop(self) -> None:
        """The script is over: record nothing more."""
        self.recording = False
        self.effects.mode = "off"
        for site in list(self.sites.values()):
            site.finish()
        for owners, kind, detail in self.effects.relay.read():
            self.charge(owners, kind, detail)

    def charge(self, owners: list[str], kind: str, detail: str) -> None:
        """An effect of a forked worker belongs to the sites under way at its start, and to all pools of processes."""
        for site in self.sites.values():
            pooled = site.current is not None and site.current["backend"] == "processes"
            if site.id in owners or (pooled and site.where["kind"] == "pool"):
                site.notes.add(kind, detail)
