"""What a call changed, and what it was given that an earlier call made: the signs that calls depend on each other."""

from __future__ import annotations

import time
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .openfiles import shared_writable_files
from .reach import reachable
from .snapshot import Change, Snapshot

if TYPE_CHECKING:
    from .openfiles import OpenFiles
    from .values import Arguments, Function, Keywords, Value

_RECENT_RESULTS = 8
_LOOKED_INTO = 8  # items of a result, or of an argument, looked at one by one
_SMALL_INTS = range(-5, 257)  # CPython keeps one object for each of these
_SHORT = 3  # empty and short strings, bytes and tuples are often one object
_LOOK_S = 0.5  # one look takes no longer: what comes last is not watched then
_SURE = 2  # calls that changed a thing: the first may have set up what all others read


class Witness:
    """What a call could change, as it was before it.

    That is: its arguments, the object it is bound to, the globals, classes and enclosed variables it can reach, the
    global random generators, and the files that are open for writing.
    """

    def __init__(
        self,
        function: Function,
        args: Arguments,
        kwargs: Keywords,
        open_files: OpenFiles,
        is_own: Callable[[str], bool] = lambda _path: True,
    ) -> None:
        watched = [(f"argument {place + 1}", _always(value), value) for place, value in enumerate(args)]
        watched += [(f"argument {name!r}", _always(value), value) for name, value in kwargs.items()]
        bound = getattr(function, "__self__", None)
        if bound is not None and not isinstance(bound, (types.ModuleType, type)):
            watched.append(("self", _always(bound), bound))
        watched += [(name, read, None) for name, read in reachable(function, is_own)]
        self.before: list[tuple[str, Callable[[], object], object, Snapshot]] = []
        ends = time.perf_counter() + _LOOK_S
        for name, read, owner in watched:
            self.before.append((name, read, owner, Snapshot(read())))
            if time.perf_counter() > ends:
                break
        self.open_files = open_files
        self.positions = open_files.positions()

    def changes(self) -> Iterator[tuple[Change, object | None]]:
        """Each thing that differs now, with the object it belongs to: None where all calls share it by nature."""
        for name, read, owner, snapshot in self.before:
            for change in snapshot.changes(read(), name):
                yield change, owner

    def files_written(self) -> list[str]:
        """Files open before that were written since, or that are mapped and may have been."""
        now = self.open_files.positions()
        moved = {now[key][0] for key, (_, place) in self.positions.items() if key in now and now[key][1] != place}
        return sorted(moved) + shared_writable_files()


def _always(value: Value) -> Callable[[], Value]:
    return lambda: value


class RecentResults:
    """The last results of a site, to tell whether a later call is given one of them."""

    def __init__(self) -> None:
        self.recent: list[object] = []

    def are_in(self, args: Arguments, kwargs: Keywords) -> bool:
        """True where an argument, or what lies directly in one, is a result kept."""
        if not self.recent:
            return False
        given = {id(value) for value in _one_level(args, kwargs)}
        return any(id(result) in given for result in self.recent)

    def add(self, result: object, args: Arguments, kwargs: Keywords) -> None:
        """Keep `result`, but nothing of it that the call was given: it made nothing then."""
        if result is None or result is True or result is False:
            return
        made = [value for value in _one_level((result,), {}) if _has_identity(value)]
        if made and (args or kwargs):
            given = {id(value) for value in _one_level(args, kwargs)}
            made = [value for value in made if id(value) not in given]
        if made:
            self.recent = (made + self.recent)[:_RECENT_RESULTS]

    def clear(self) -> None:
        """Let go of all."""
        self.recent = []


class Marks:
    """The signs, for one site: calls given an earlier call's result, and names of what calls changed.

    `mutated` was read and changed, or may have been; `grown` was added to only; of `by_key` each call set a key of its
    own. All are known once settled.
    """

    def __init__(self) -> None:
        self.reused = 0
        self.mutated: set[str] = set()
        self.grown: set[str] = set()
        self.by_key: set[str] = set()
        self.results = RecentResults()
        self.touched: dict[str, tuple[object, list[Change]]] = {}
        self.receivers: list[object] = []

    def given(self, function: Function, args: Arguments, kwargs: Keywords) -> None:
        """A call is about to run with these."""
        receiver = getattr(function, "__self__", None)
        if (
            receiver is not None
            and len(self.receivers) < _SURE
            and not any(each is receiver for each in self.receivers)
        ):
            self.receivers.append(receiver)
        if self.results.are_in(args, kwargs):
            self.reused += 1

    def judge(self, witness: Witness) -> None:
        """Note what a call changed; arguments count where they are the same object each time."""
        for change, owner in witness.changes():
            first, changes = self.touched.setdefault(change.path, (owner, []))
            if first is owner:
                changes.append(change)

    @property
    def one_receiver(self) -> bool:
        """True where all calls were of a method of one and the same object."""
        return len(self.receivers) == 1

    def settle(self) -> None:
        """Tell what the changes come to, and let go of the script's objects."""
        self.receivers = [None] * len(self.receivers)
        for path, (_, changes) in self.touched.items():
            if len(changes) < _SURE:
                continue
            if all(change.kind == "grown" for change in changes):
                self.grown.add(path)
            elif _each_its_own(changes):
                self.by_key.add(path)
            else:
                self.mutated.add(next(change.name for change in changes if change.kind == "changed"))
        self.results.clear()
        self.touched.clear()


def _each_its_own(changes: list[Change]) -> bool:
    """True where every change was at keys that no other change was at."""
    keys = [key for change in changes for key in change.keys]
    return len(keys) == len(set(keys)) and all(change.keys or change.kind == "grown" for change in changes)


def _one_level(args: Arguments, kwargs: Keywords) -> Iterator[object]:
    for value in (*args, *kwargs.values()) if kwargs else args:
        yield value
        kind = type(value)
        if (kind is list or kind is tuple) and len(value) <= _LOOKED_INTO:
            yield from value
        elif kind is dict and len(value) <= _LOOKED_INTO:
            yield from value.values()


def _has_identity(value: object) -> bool:
    """True for values that being the same object says something about: not singletons, small or interned ones."""
    if value is None or isinstance(value, (bool, types.ModuleType, type)) or callable(value):
        return False
    if type(value) is int:
        return value not in _SMALL_INTS
    if type(value) in (str, bytes, tuple):
        return len(value) > _SHORT  # type: ignore[arg-type]
    return True
