"""What a call changed, and what it was given that an earlier call made: the signs that calls depend on each other."""

from __future__ import annotations

import contextlib
import time
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .digest import ATOMS
from .holding import Strong, Way, hold, is_gone, is_same, leads_to
from .openfiles import shared_writable_files
from .reach import reachable
from .results import LARGE_BYTES, RecentResults
from .snapshot import RANDOM, Change, Snapshot

if TYPE_CHECKING:
    from .effects import Effects
    from .recorder import Allowance
    from .values import Arguments, Function, Keywords

Look = tuple[str, Callable[[], object], Way | None, Snapshot]
"""A thing that is watched: its name, how to read it, what it is where calls are given it, and how it was."""

_GLOBAL = "global "
VARIABLE = "variable "  # begins the name of what a turn of a loop is given
_MET = 8  # objects of each argument that are recognised when they come again
_LOOK_S = 0.5  # one look takes no longer: what comes last is not watched then
_LOOK_SHARE = 0.5  # of what is left to its site for looking: each of several looks finds some
_LOOK_AT_LEAST_S = 0.005  # and where nothing is left: most calls can change no more than that takes
_SURE = 2  # calls that changed a thing: the first may have set up what all others read


class Witness:
    """What a call could change, as it was before it.

    That is: its arguments, the object it is bound to, the globals, classes and enclosed variables it can reach, the
    global random generators, and the files that are open for writing.
    """

    def __init__(  # noqa: PLR0913  # a call is three of them
        self,
        function: Function,
        args: Arguments,
        kwargs: Keywords,
        *,
        effects: Effects,
        is_own: Callable[[str], bool],
        looking: Allowance,
    ) -> None:
        self.looking = looking
        self.databases = effects.databases
        things, self.names = reachable(function, is_own)
        # What the call is given is there while it runs, however little of it may be kept afterwards.
        self.watched: list[tuple[str, Callable[[], object], Way | None]] = [
            (name, Strong(value, 0), hold(value)) for name, value in _given(function, args, kwargs)
        ]
        self.watched += [(name, read, None) for name, read in things]
        self.before = self.look()
        self.open_files = effects.open_files
        self.positions = self.open_files.positions()

    def look(self) -> list[Look]:
        """Snapshots of all that is watched, as far as half a second goes, or what is left for looking."""
        began = time.thread_time()
        ends = began + max(_LOOK_AT_LEAST_S, min(_LOOK_S, self.looking.left_s * _LOOK_SHARE))
        looks: list[Look] = []
        for name, read, owner in self.watched:
            with contextlib.suppress(Exception):  # what an odd object of the user's raises hides that object alone
                looks.append((name, read, owner, Snapshot(read(), ends)))
        self.looking.spend(time.thread_time() - began)
        return looks

    def changes(self) -> Iterator[tuple[Change, Way | None]]:
        """Each thing that differs now, with the object it belongs to: None where all calls share it by nature."""
        return changed(self.before)

    def reads(self) -> set[str]:
        """Names of the globals that the call reads."""
        return {name.removeprefix(_GLOBAL) for name, _, _ in self.watched if name.startswith(_GLOBAL)}

    def connections(self) -> Iterator[str]:
        """Names of the databases in files that were connected to before the call, which it can reach."""
        for name, read, _ in self.watched:
            found: list[str] = []
            with contextlib.suppress(Exception):  # as in `look`
                value = read()
                attributes = getattr(value, "__dict__", None)
                held = list(attributes.items()) if type(attributes) is dict else []
                named = [(f"{name}.{attribute}", part) for attribute, part in held if attribute in self.names]
                found += [path for path, each in ((name, value), *named) if self.databases.is_on_disk(each)]
            yield from found

    def files_written(self) -> list[str]:
        """Files open before that were written since, or that are mapped and may have been."""
        now = self.open_files.positions()
        moved = {now[key][0] for key, (_, place) in self.positions.items() if key in now and now[key][1] != place}
        return sorted(moved) + shared_writable_files()


def changed(looks: list[Look]) -> Iterator[tuple[Change, Way | None]]:
    """Each thing that differs now from what it was at a look, with the object it belongs to, if that is there still."""
    for name, read, owner, snapshot in looks:
        if owner is read and is_gone(read):
            continue
        found: list[Change] = []
        with contextlib.suppress(Exception):  # as above
            found.extend(snapshot.changes(read(), name))
        yield from ((change, owner) for change in found)


def _given(function: Function, args: Arguments, kwargs: Keywords) -> Iterator[tuple[str, object]]:
    """What a call is given, by name: the object it is a method of, and its arguments."""
    bound = getattr(function, "__self__", None)
    if bound is not None and not isinstance(bound, (types.ModuleType, type)):
        yield "self", bound
    yield from ((f"argument {place + 1}", value) for place, value in enumerate(args))
    for name, value in kwargs.items():
        yield (name if name.startswith(VARIABLE) else f"argument {name!r}"), value


class Marks:
    """The signs, for one site: calls given an earlier call's result, and names of what calls changed.

    `mutated` was read and changed, or may have been; `grown` was added to only; of `by_key` each call set a key of its
    own; `own` is what calls changed of objects that no other call was given. `fed` is what the calls read and others
    changed between them. All are known once settled.
    """

    def __init__(self) -> None:
        self.reused = 0
        self.mutated: set[str] = set()
        self.grown: set[str] = set()
        self.by_key: set[str] = set()
        self.own: set[str] = set()
        self.fed: set[str] = set()
        self.reads: set[str] = set()
        self.revisited: set[str] = set()
        self.connections: set[str] = set()
        self.connections_seen = False
        self.results = RecentResults()
        self.touched: dict[str, list[tuple[Way | None, Change]]] = {}
        self.between: dict[str, int] = {}
        self.looks: list[Look] = []
        self.met: dict[str, list[Way]] = {}

    def given(self, function: Function, args: Arguments, kwargs: Keywords) -> None:
        """A call is about to run with these."""
        for name, value in _given(function, args, kwargs):
            if type(value) not in ATOMS and name not in self.revisited:
                self.meet(name, value)
        if self.results.are_in(args, kwargs):
            self.reused += 1

    def meet(self, name: str, value: object) -> None:
        """Note where one and the same object comes more than once."""
        met = self.met.setdefault(name, [])
        if any(leads_to(held, value) for held in met):
            self.revisited.add(name)
        elif len(met) < _MET:
            met.append(hold(value, LARGE_BYTES))

    def begin(self, witness: Witness) -> None:
        """A watched call is about to run: what changed since the last one ended, others changed."""
        self.reads |= witness.reads()
        if not self.connections_seen:  # what a first call opens, the first of each worker would open as well
            self.connections_seen = True
            self.connections.update(witness.connections())
        owners = {id(owner()) for _, _, owner, _ in witness.before if owner is not None}
        for change, owner in changed(self.looks):
            attribute = change.path.partition(".")[2].partition(".")[0]
            read = not attribute or attribute in witness.names
            if read and change.kind == "changed" and not change.path.startswith(RANDOM):
                same = owner is None or id(owner()) in owners
                self.between[change.name] = self.between.get(change.name, 0) + same

    def judge(self, witness: Witness, *, more: bool) -> None:
        """Note what a call changed, and how it left what it shares, where `more` calls are to be watched."""
        for change, owner in witness.changes():
            self.touched.setdefault(change.path, []).append((owner, change))
        looks = witness.look() if more else []
        self.looks = [
            (name, read if owner is None else owner, owner, snapshot) for name, read, owner, snapshot in looks
        ]

    def settle(self) -> None:
        """Tell what the changes come to, and let go of the script's objects."""
        for path, noted in self.touched.items():
            if len(noted) >= _SURE:
                self.sort_out(path, [owner for owner, _ in noted], [change for _, change in noted])
        self.fed = {name for name, times in self.between.items() if times >= _SURE}
        self.results.clear()
        self.touched.clear()
        self.met.clear()
        self.looks = []

    def sort_out(self, path: str, owners: list[Way | None], changes: list[Change]) -> None:
        """What the changes at one place come to."""
        first = owners[0]
        one = all(owner is first or (owner and first and is_same(owner, first)) for owner in owners)
        again = any(path == root or path.startswith((f"{root}.", f"{root}[")) for root in self.revisited)
        if not one and not again:
            self.own.add(path)
        elif all(change.kind == "grown" for change in changes):
            self.grown.add(path)
        elif one and _each_its_own(changes):
            self.by_key.add(path)
        else:
            self.mutated.add(next(change.name for change in changes if change.kind != "grown"))


def _each_its_own(changes: list[Change]) -> bool:
    """True where every change was at keys that no other change was at."""
    keys = [key for change in changes for key in change.keys]
    return len(keys) == len(set(keys)) and all(change.keys or change.kind == "grown" for change in changes)
