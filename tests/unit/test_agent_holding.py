"""What is recorded of calls prolongs no life that the script could miss: files, connections, finalizers."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import csv
import dataclasses
import decimal
import enum
import functools
import gc
import itertools
import logging
import os
import queue
import random
import re
import socket
import sqlite3
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pytest

from advisor.agent import holding
from advisor.agent.holding import hold, is_gone, is_same, sweep, weigh
from advisor.agent.outline import Turn
from advisor.agent.sample import SITE_BYTES, GoneError, Sample, Task
from advisor.agent.witness import RecentResults

# Scripts leave files open, and so do these.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """What a test leaves open ends with it: later on the warning of it is an error."""
    yield
    sweep()
    gc.collect()


class Plain:
    """An object of attributes, one of which cannot be pickled."""

    def __init__(self, part: object = None) -> None:
        self.lock = threading.Lock()
        self.part = part

    def run(self, x: int) -> tuple[int, object]:
        """A call."""
        return x, self.part


class Slotted:
    __slots__ = ("part", "unset")

    def __init__(self, part: object = None) -> None:
        self.part = part


class Below(Slotted):
    __slots__ = ("more",)


class Finalized(Plain):
    def __del__(self) -> None:
        pass


class Mapping(dict):  # type: ignore[type-arg]
    pass


class Number(int):
    pass


class Color(enum.Enum):
    RED = 1


class Row(NamedTuple):
    part: object


@dataclasses.dataclass(slots=True)
class Record:
    part: object


class Connection(sqlite3.Connection):
    """A class of Python that is more than its attributes."""


def enclosing(part: object) -> Callable[[], object]:
    return lambda: part


@functools.lru_cache
def cached(x: int) -> int:
    return x


@functools.wraps(enclosing)
def decorated(*args: object) -> object:
    return enclosing(*args)


DATA: dict[str, Callable[[], object]] = {
    "object": Plain,
    "nested": lambda: Plain([{"a": Plain()}]),
    "slots": Slotted,
    "more slots": Below,
    "dict class": Mapping,
    "number class": lambda: Number(1_000),
    "enum": lambda: Color.RED,
    "named tuple": lambda: Row(1),
    "dataclass": lambda: Record(1),
    "error": lambda: ValueError("x"),
    "lock": threading.RLock,
    "event": threading.Event,
    "queue": queue.Queue,
    "simple queue": queue.SimpleQueue,
    "logger": lambda: Plain(logging.getLogger("x")),
    "lambda": lambda: enclosing([1]),
    "decorated": lambda: decorated,
    "cached": lambda: cached,
    "partial": lambda: functools.partial(print, 1),
    "method": lambda: Plain().run,
    "list method": lambda: [].append,
    "iterator": lambda: map(str, [1, 2]),
    "count": itertools.count,
    "ordered": lambda: collections.OrderedDict(a=1),
    "deque": lambda: collections.deque([1]),
    "array": lambda: np.zeros(10),
    "generator of numbers": lambda: np.random.default_rng(1),
    "random": lambda: random.Random(1),
    "pattern": lambda: re.compile("x"),
    "decimal": lambda: decimal.Decimal(1),
    "path": lambda: Path("x"),
    "namespace": lambda: types.SimpleNamespace(a=argparse.Namespace(b=1)),
    "weak reference": lambda: [weakref.ref(Color)],
    "many": lambda: [[number] for number in range(5_000)],
}


def written() -> IO[str]:
    return Path(os.devnull).open("w")


def watched() -> Plain:
    made = Plain()
    weakref.finalize(made, int)
    return made


def working() -> concurrent.futures.ThreadPoolExecutor:
    pool = concurrent.futures.ThreadPoolExecutor(1)
    pool.submit(int).result()
    return pool


def drawing() -> Iterator[int]:
    yield 1


OWN: dict[str, Callable[[], object]] = {
    "file": written,
    "file in a list": lambda: [written()],
    "file in a dict": lambda: Plain({"a": written()}),
    "file in a slot": lambda: Below(written()),
    "file in a tuple": lambda: Row(written()),
    "file in a closure": lambda: enclosing(written()),
    "file in a partial": lambda: functools.partial(print, file=written()),
    "file's method": lambda: [written().write],
    "file drawn from": lambda: map(str, written()),
    "csv writer": lambda: csv.writer(written()),
    "connection": lambda: sqlite3.connect(":memory:"),
    "connection class": lambda: sqlite3.connect(":memory:", factory=Connection),
    "cursor": lambda: Plain(sqlite3.connect(":memory:").cursor()),
    "socket": socket.socket,
    "generator": drawing,
    "finalizer": Finalized,
    "finalizer inside": lambda: {"a": [Finalized()]},
    "watched": watched,
    "folder": lambda: os.scandir("."),
    "pool": lambda: Plain(working()),
}


@pytest.mark.parametrize("kind", DATA)
def test_data_is_kept_for_replays(kind: str) -> None:
    way = hold(DATA[kind]())
    gc.collect()
    sweep()
    assert not is_gone(way)
    assert way() is not None


@pytest.mark.parametrize("kind", OWN)
def test_what_the_script_would_miss_goes_when_the_script_lets_it_go(kind: str) -> None:
    value = OWN[kind]()
    way = hold(value)
    sweep()
    assert way() is value
    value = None
    sweep()
    gc.collect()
    assert is_gone(way)


def test_one_object_without_weak_references_has_one_way() -> None:
    first, second = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    assert is_same(hold(first), hold(first))
    assert not is_same(hold(first), hold(second))
    files = written(), written()
    ways = hold(files[0]), hold(files[0]), hold(files[1])
    for file in files:
        file.close()
    del files, file
    assert is_same(ways[0], ways[1])
    assert not is_same(ways[0], ways[2])


def test_an_object_that_resolves_itself_when_it_is_asked_what_it_is_stays_unresolved() -> None:
    class Lazy:
        @property
        def __class__(self) -> type:  # type: ignore[override]
            raise RuntimeError("resolved")

    hold(Lazy())
    assert weigh(Lazy()) is not None


def test_a_file_written_by_calls_is_flushed_when_the_script_lets_it_go(tmp_path: Path) -> None:
    sample, path = Sample(), tmp_path / "out.txt"

    def emit(file: IO[str], text: str) -> None:
        file.write(text)

    file = path.open("w")
    for index in range(3):
        task = sample.capture(index, emit, (file, "x"), {}, 1.0)
        assert task is not None
        sample.keep(index, task)
        emit(file, "x")
    assert [task.is_alive() for task in sample.tasks] == [True] * 3
    del file
    assert path.read_text() == "xxx"
    assert not any(task.is_alive() for task in sample.tasks)
    with pytest.raises(GoneError):
        sample.tasks[0].load()
    sample.settle(emit)
    assert sample.tasks == []
    assert "cannot pickle" in (sample.pickle_error or "")


def test_an_object_that_would_be_missed_is_called_again_by_its_pickle() -> None:
    class_ = Missed
    sample = Sample()
    for index in range(3):
        made = class_(index)
        task = sample.capture(index, made.run, (index,), {}, 1.0)
        assert task is not None
        sample.keep(index, task)
    del made
    assert class_.gone == 3
    sample.settle(None)
    assert [function(*args) for function, args, _ in map(Task.load, sample.tasks)] == [(0, 0), (1, 1), (2, 2)]


class Missed:
    """Picklable, and counts those that are gone."""

    gone = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def run(self, x: int) -> tuple[int, int]:
        """A call."""
        return self.number, x

    def __del__(self) -> None:
        Missed.gone += 1


def test_few_open_files_are_kept_however_many_calls_read_one_each() -> None:
    sample = Sample()
    for index in range(100):
        task = sample.capture(index, len, (Path(os.devnull).open(),), {}, 1.0)  # noqa: SIM115  # as scripts do
        assert task is not None
        sample.keep(sample.choose() or 0, task)
    assert len(sample.tasks) <= 16


def test_results_are_recognised_and_not_kept_from_their_end(tmp_path: Path) -> None:
    results = RecentResults()
    grid = [[0] * 100 for _ in range(1_000)]
    results.add(grid, (), {})
    assert results.are_in((grid,), {})
    path = tmp_path / "out.txt"
    opened = [path.open("w")]
    opened[0].write("x")
    results.add(opened, (), {})
    del opened
    assert path.read_text() == "x"


def test_results_that_are_let_go_take_no_memory() -> None:
    results = RecentResults()
    for _ in range(100):
        results.add([[0] * 10 for _ in range(1_000)], (), {})
        sweep()
    assert len(holding._lasting) <= 2


def test_turns_of_a_loop_inside_another_keep_no_more_of_what_they_are_given_than_a_site_may() -> None:
    sample, made = Sample(), []
    for index in range(40):
        row = np.zeros(2_000_000)
        made.append(weakref.ref(row))
        turn = Turn(id, {"row": row}, (), {})
        del row
        for slot in range(3):
            task = sample.capture(3 * index + slot, turn, (slot,), {}, 1.0)
            assert task is not None
            sample.keep(3 * index + slot, task)
        del turn, task
    assert sum(ref() is not None for ref in made) <= SITE_BYTES // 16_000_000 + 1
    assert sum(task.is_alive() for task in sample.tasks) == len(sample.tasks) >= 8


def test_however_large_what_all_turns_are_given_is_they_are_kept() -> None:
    sample, row = Sample(), np.zeros(SITE_BYTES // 8 + 1)
    turn = Turn(id, {"row": row}, (), {})
    for slot in range(30):
        task = sample.capture(slot, turn, (slot,), {}, 1.0)
        assert task is not None
        sample.keep(slot, task)
    assert len(sample.tasks) == 30
