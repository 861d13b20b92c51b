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
import multiprocessing
import os
import queue
import random
import re
import socket
import sqlite3
import sys
import threading
import time
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pytest

from advisor.agent import holding
from advisor.agent.effects import Effects
from advisor.agent.holding import hold, is_gone, is_same, sweep
from advisor.agent.outline import Turn
from advisor.agent.recorder import Recorder
from advisor.agent.results import RecentResults
from advisor.agent.sample import SITE_BYTES, GoneError, Sample, Task
from advisor.agent.weighing import weigh

# Scripts leave files open, and so do these.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """What a test leaves open ends with it: later on the warning of it is an error."""
    yield
    sweep(all_of_them=True)
    gc.collect()


class Plain:
    """An object of attributes, one of which cannot be pickled."""

    def __init__(self, part: object = None) -> None:
        self.lock = threading.Lock()
        self.part = part

    def run(self, x: int) -> tuple[int, object]:
        """A call."""
        return x, self.part

    def other(self, x: int) -> int:
        """Another."""
        return x


class OwnThread(threading.Thread):
    """A thread that is its task."""

    def run(self) -> None:
        """The task."""


class OwnProcess(multiprocessing.Process):
    """A process that is its task."""

    def run(self) -> None:
        """The task."""


def ran() -> object:
    thread = OwnThread()
    thread.start()
    thread.join()
    return thread.run


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
    "lock of processes": lambda: [multiprocessing.Lock()],
    "queue of processes": multiprocessing.Queue,
    "value of processes": lambda: Plain(multiprocessing.Value("i", 0)),
    "array of processes": lambda: multiprocessing.Array("d", 10),
    "standard stream": lambda: Plain(sys.__stdout__),
    "thread": lambda: OwnThread().run,
    "thread that has run": ran,
    "process": lambda: OwnProcess().run,
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


def test_what_ends_by_the_scripts_own_code_is_not_kept_for_a_moment() -> None:
    Missed.gone, kept = 0, [Missed(1)]
    way = hold({"a": kept})
    kept.clear()
    assert Missed.gone == 1
    assert is_gone(way)


def test_memory_that_others_lend_is_given_back() -> None:
    buffer = bytearray(100)
    view, array = memoryview(buffer)[:10], np.frombuffer(buffer, dtype=np.uint8)
    ways = hold(view), hold(array), hold([array[2:]])
    del view, array
    sweep()
    assert all(map(is_gone, ways))
    buffer.extend(b"x")
    parts = np.array([Missed(1), None], dtype=object)
    assert weigh(parts).ends == "script"


@pytest.mark.parametrize(
    "view", [memoryview(bytearray(b"abcdefgh"))[2:6], memoryview(b""), memoryview(b"abcdefgh").cast("H")]
)
def test_a_view_is_given_again_over_a_copy_of_what_it_shows(view: memoryview) -> None:
    sample = Sample()
    task = sample.capture(0, len, (view,), {}, limit_s=1.0, spare_s=1.0)
    assert task is not None
    _, (again,), _ = task.load()
    assert (again.tolist(), again.format, again.shape) == (view.tolist(), view.format, view.shape)
    assert again.obj is not view.obj or not view.nbytes


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
    assert weigh(Lazy()).ends == ""


def test_a_file_written_by_calls_is_flushed_when_the_script_lets_it_go(tmp_path: Path) -> None:
    sample, path = Sample(), tmp_path / "out.txt"

    def emit(file: IO[str], text: str) -> None:
        file.write(text)

    file = path.open("w")
    for index in range(3):
        task = sample.capture(index, emit, (file, "x"), {}, limit_s=1.0, spare_s=1.0)
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
    sample, Missed.gone = Sample(), 0
    for index in range(3):
        made = Missed(index)
        task = sample.capture(index, made.run, (index,), {}, limit_s=1.0, spare_s=1.0)
        assert task is not None
        sample.keep(index, task)
    del made
    assert Missed.gone == 3
    sample.settle(None)
    assert [function(*args) for function, args, _ in map(Task.load, sample.tasks)] == [(0, 0), (1, 1), (2, 2)]


class Missed:
    """Picklable, and counts those that are gone."""

    gone = 0

    def __init__(self, number: int) -> None:
        self.number = number
        self.data = b""

    def run(self, x: int) -> tuple[int, int]:
        """A call."""
        return self.number, x

    def __del__(self) -> None:
        Missed.gone += 1


def test_few_open_files_are_kept_however_many_calls_read_one_each() -> None:
    sample = Sample()
    for index in range(100):
        task = sample.capture(index, len, (Path(os.devnull).open(),), {}, limit_s=1.0, spare_s=1.0)  # noqa: SIM115  # as scripts do
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
    assert results.are_in((opened,), {})
    del opened
    sweep()
    assert path.read_text() == "x"


def test_results_that_are_let_go_take_no_memory() -> None:
    results, before = RecentResults(), len(holding._lasting)
    for _ in range(100):
        results.add([[0] * 10 for _ in range(1_000)], (), {})
        sweep()
    assert len(holding._lasting) <= before + 2


def test_results_that_the_script_keeps_by_thousands_are_not_looked_at_each_time() -> None:
    results, before = RecentResults(), len(holding._lasting)
    kept = [[[0] * 10 for _ in range(100)] for _ in range(300)]
    for each in kept:
        results.add(each, (), {})
    assert len(holding._lasting) <= before + 8
    assert results.are_in((kept[-1],), {})
    assert not results.are_in((kept[0],), {})


def test_states_that_hold_what_is_watched_are_recognised() -> None:
    results, part = RecentResults(), watched()
    state = {"ps": [part]}
    results.add(state, (), {})
    assert results.are_in((state,), {})
    assert not results.are_in(({"ps": [part]},), {})


def test_states_of_many_parts_are_recognised_after_many_others() -> None:
    for make in (
        lambda: [(x, x) for x in range(20)],
        lambda: {x: [x] for x in range(20)},
        lambda: ([[1] * 20] * 20, 1),
    ):
        results, states = RecentResults(), [make() for _ in range(50)]
        for state in states:
            results.add(state, (), {})
        assert all(results.are_in((state,), {}) for state in states)


def test_methods_of_one_object_share_its_way() -> None:
    sample, big = Sample(), Plain([[number] for number in range(1_000)])
    for index in range(10):
        for method in (big.run, big.other):
            assert sample.capture(index, method, (index,), {}, limit_s=1.0, spare_s=1.0) is not None
    assert len({id(way) for way in sample.ways.recent.values() if way() is big}) == 1


def test_where_no_time_is_left_calls_are_kept_all_the_same_and_nothing_is_pickled_for_them() -> None:
    sample = Sample()
    for index, function in enumerate((Plain().run, enclosing(1), functools.partial(int, 1), int, len, [].append)):
        task = sample.capture(index, function, (), {}, limit_s=1.0, spare_s=0.0)
        assert task is not None
        assert task.is_alive()
    task = sample.capture(9, Missed(1).run, (1,), {}, limit_s=1.0, spare_s=0.0)
    assert task is not None
    assert not task.is_alive()


def test_what_the_script_refers_to_itself_is_not_taken_for_its_own_reference() -> None:
    KEPT["con"] = sqlite3.connect(":memory:")
    KEPT["con"].row_factory = factory
    KEPT["config"] = {"log": written(), "hook": factory}
    ways = hold(KEPT["con"]), hold(KEPT["config"])
    sweep()
    assert not any(map(is_gone, ways))
    KEPT.clear()
    sweep()
    assert all(map(is_gone, ways))


KEPT: dict[str, Any] = {}


def factory(_cursor: sqlite3.Cursor, row: object) -> object:
    return row, KEPT


def test_many_that_the_script_keeps_are_swept_in_turn() -> None:
    ways = [hold([written()]) for _ in range(3)]
    many = [[written()] for _ in range(100)]
    others = [hold(each) for each in many]
    for _ in range(5):
        sweep()
    assert all(map(is_gone, ways))
    assert not any(map(is_gone, others))


def test_methods_that_are_not_what_stands_under_their_name_are_held_as_they_are() -> None:
    class Log(list):  # type: ignore[type-arg]
        def append(self, item: object) -> None:
            raise AssertionError(item)

        def plain(self) -> Callable[[object], None]:
            return super().append

    log = Log()
    method = log.plain()
    found = hold(method)()
    assert found is method
    found(1)
    assert log == [1]


def test_threads_may_record_calls_of_one_site_at_once() -> None:
    sample, errors, ends = Sample(), [], time.monotonic() + 0.5

    def record() -> None:
        index = 0
        while time.monotonic() < ends:
            try:
                sample.capture(index, Missed(1).run, (), {}, limit_s=1.0, spare_s=1.0)
            except Exception as error:  # noqa: BLE001  # any is one too many
                errors.append(error)
            index += 1

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_snapshots_count_as_memory_and_only_so_many_failures_are_paid_for() -> None:
    sample = Sample()
    for index in range(40):
        made = Missed(index)
        made.data = bytes(10_000_000)
        task = sample.capture(index, made.run, (index,), {}, limit_s=1.0, spare_s=1.0)
        assert task is not None
        sample.keep(index, task)
    assert sum(task.size for task in sample.tasks) <= SITE_BYTES
    assert len(sample.tasks) < 20
    sample = Sample()
    for index in range(10):
        task = sample.capture(index, Finalized().run, (index,), {}, limit_s=1.0, spare_s=1.0)
        assert task is not None
    assert sample.ways.failures == 3


def test_a_sample_of_which_few_calls_can_be_run_again_is_gone() -> None:
    for alive, gone in ((2, True), (6, False)):
        sample, files = Sample(), [written() for _ in range(10)]
        for index, file in enumerate(files):
            task = sample.capture(index, print, ("x",), {"file": file}, limit_s=1.0, spare_s=1.0)
            assert task is not None
            sample.keep(index, task)
        del files[alive:], file
        sample.settle(print)
        assert (sample.gone, len(sample.tasks)) == (gone, 0 if gone else alive)


class Strange:
    """A callable that answers every question with an error of its own."""

    def __getattr__(self, name: str) -> object:
        raise KeyError(name)

    def __call__(self, x: int) -> int:
        return x


def test_what_a_callable_raises_when_it_is_asked_does_not_reach_the_script() -> None:
    site = Recorder(Effects(), 1.0).new_site(
        file="a.py", line=1, end_line=1, column=0, function="m", callee="f", in_loop=True, kind="call"
    )
    assert [site.gated(Strange(), x) for x in range(3)] == [0, 1, 2]


def test_turns_of_a_loop_inside_another_keep_no_more_of_what_they_are_given_than_a_site_may() -> None:
    sample, made = Sample(), []
    for index in range(40):
        row = np.zeros(2_000_000)
        made.append(weakref.ref(row))
        turn = Turn(id, {"row": row}, (), {})
        del row
        for slot in range(3):
            task = sample.capture(3 * index + slot, turn, (slot,), {}, limit_s=1.0, spare_s=1.0)
            assert task is not None
            sample.keep(3 * index + slot, task)
        del turn, task
    assert sum(ref() is not None for ref in made) <= SITE_BYTES // 16_000_000 + 1
    assert sum(task.is_alive() for task in sample.tasks) == len(sample.tasks) >= 8


def test_however_large_what_all_turns_are_given_is_they_are_kept() -> None:
    sample, row = Sample(), np.zeros(SITE_BYTES // 8 + 1)
    turn = Turn(id, {"row": row}, (), {})
    for slot in range(30):
        task = sample.capture(slot, turn, (slot,), {}, limit_s=1.0, spare_s=1.0)
        assert task is not None
        sample.keep(slot, task)
    assert len(sample.tasks) == 30


class Counted:
    """What a state holds beside its figures: it ends by code of the script's."""

    def __del__(self) -> None:
        pass


def test_changes_of_what_may_not_be_kept_are_seen_all_the_same() -> None:
    site = Recorder(Effects(), 10.0).new_site(
        file="a.py", line=1, end_line=1, column=0, function="m", callee="f", in_loop=True, kind="call"
    )

    def step(state: dict[str, Any]) -> None:
        state["n"] += 1

    state = {"n": 0, "part": Counted()}
    for _ in range(6):
        site.gated(step, state)
    site.marks.settle()
    assert "argument 1" in site.marks.revisited
    assert [name.partition("[")[0] for name in site.marks.mutated] == ["argument 1"]


def test_what_came_last_is_looked_at_first_however_much_is_kept() -> None:
    many = [[written()] for _ in range(100)]
    others = [hold(each) for each in many]
    ways = [hold([written()]) for _ in range(8)]
    sweep()
    assert all(map(is_gone, ways))
    assert not any(map(is_gone, others))
