"""The recorder: exact counts, a fair sample, arguments as they were, and what calls change or hand on."""

from __future__ import annotations

import builtins
import collections
import dataclasses
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.agent.effects import Effects
from advisor.agent.pickling import TooMuchError, pickled
from advisor.agent.recorder import Recorder
from advisor.agent.sample import SAMPLE_CALLS, SITE_BYTES, Sample, Task
from advisor.agent.site import OFF_AFTER_CALLS, Site
from advisor.agent.tally import PERIOD

PLACE = {"file": "f.py", "line": 1, "end_line": 1, "column": 0, "function": "m", "in_loop": True, "kind": "call"}
TOTAL = {"sum": 0}


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(Effects(), allowance_s=100.0)


def new_site(recorder: Recorder) -> Site:
    return recorder.new_site(**PLACE, callee="f")


def through(site: Site, function: Callable[..., Any], *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - as the function
    """What the rewritten source does: `(f if TICK() else WRAP(f))(...)`."""
    return (function if site.tally.tick() else site.wrap(function))(*args, **kwargs)


def identity(x: object) -> object:
    return x


# --- counts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "calls",
    [0, 1, 5, OFF_AFTER_CALLS, OFF_AFTER_CALLS + 1, OFF_AFTER_CALLS + PERIOD, OFF_AFTER_CALLS + PERIOD + 1, 12_345],
)
def test_every_call_is_counted(recorder: Recorder, calls: int) -> None:
    site = new_site(recorder)
    for number in range(calls):
        assert through(site, identity, number) == number
    recorder.stop()
    assert site.tally.calls == calls
    assert len(site.sample.tasks) <= SAMPLE_CALLS


@pytest.fixture
def rapid_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("rapid_switches")
@pytest.mark.parametrize("calls", [500, 5_000])
def test_every_call_of_several_threads_is_counted(recorder: Recorder, calls: int) -> None:
    site = new_site(recorder)

    def work() -> None:
        for number in range(calls):
            through(site, identity, number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.stop()
    assert site.tally.calls == 4 * calls


def test_a_thread_overtaken_by_the_slow_down_counts_one_call(recorder: Recorder) -> None:
    site = new_site(recorder)
    assert site.tally.tick() == 0
    for number in range(OFF_AFTER_CALLS + 5):
        through(site, identity, number)
    assert site.wrap(identity)(0) == 0
    recorder.stop()
    assert site.tally.calls == OFF_AFTER_CALLS + 6


@pytest.mark.parametrize("calls", [10, 7_777])
def test_gated_calls_are_counted(recorder: Recorder, calls: int) -> None:
    site = new_site(recorder)
    assert sum(site.gated(identity, number) for number in range(calls)) == sum(range(calls))
    recorder.stop()
    assert site.tally.calls == calls


def test_long_calls_are_all_recorded(recorder: Recorder) -> None:
    site = new_site(recorder)
    for number in range(OFF_AFTER_CALLS + 10):
        through(site, identity, number)
        site.traced_s += 1.0
    assert site.tally.period == 1


def test_short_calls_are_told_by_the_latest_ones(recorder: Recorder) -> None:
    site = new_site(recorder)
    for number in range(OFF_AFTER_CALLS + 10):
        through(site, identity, number)
        site.traced_s += 0.3 if number == 0 else 0.0  # what recording calls inside it took
    assert site.tally.period == PERIOD


def test_a_call_inside_a_call_of_its_site_is_counted_but_no_task(recorder: Recorder) -> None:
    site = new_site(recorder)

    def down(n: int) -> int:
        return 0 if n == 0 else 1 + through(site, down, n - 1)

    assert through(site, down, 5) == 5
    recorder.stop()
    assert (site.tally.calls, len(site.sample.tasks)) == (6, 1)


def test_sampling_sparsely_is_seen_by_the_source(recorder: Recorder) -> None:
    site = new_site(recorder)
    setattr(builtins, site.tally.tick_name, site.tally.tick)
    try:
        for number in range(OFF_AFTER_CALLS + 1):
            through(site, identity, number)
        assert getattr(builtins, site.tally.tick_name) is site.tally.tick
        assert site.tally.tick() == 1
    finally:
        delattr(builtins, site.tally.tick_name)


# --- the sample --------------------------------------------------------------------------------------


def test_each_call_is_as_likely_to_be_kept() -> None:
    kept: collections.Counter[int] = collections.Counter()
    for seed in range(40):
        sample = Sample()
        sample.random.seed(seed)
        for index in range(4 * SAMPLE_CALLS):
            slot = sample.choose()
            if slot is not None:
                sample.keep(slot, Task(index, identity))
        assert len(sample.tasks) == SAMPLE_CALLS
        kept.update(task.index // SAMPLE_CALLS for task in sample.tasks)
    expected = 40 * SAMPLE_CALLS / 4
    assert all(abs(kept[quarter] - expected) < expected * 0.1 for quarter in range(4))


def test_tasks_of_a_trial_are_short_and_long_as_in_the_whole_sample() -> None:
    sample = Sample()
    for index in range(100):
        task = Task(index, identity)
        task.traced_s = 10.0 if index < 20 else 1.0
        sample.keep(index, task)
    assert sample.unevenness() == pytest.approx(3.6 / 2.8)
    few = sample.spread(10)
    assert sum(task.traced_s or 0.0 for task in few) == pytest.approx(28.0)
    assert [task.index for task in few] == sorted(task.index for task in few)
    assert len(sample.spread(250)) == 250
    assert len({task.index for task in sample.spread(130)[100:]}) == 30


def test_a_site_keeps_no_more_bytes_than_it_may() -> None:
    sample = Sample()
    for index in range(300):
        task = Task(index, identity)
        task.data = bytes(2**20)
        slot = sample.choose()
        assert slot is not None
        sample.keep(slot, task)
    assert sample.bytes == sum(task.size for task in sample.tasks) <= SITE_BYTES


def test_tasks_come_in_the_order_of_the_calls(recorder: Recorder) -> None:
    site = new_site(recorder)
    for number in range(OFF_AFTER_CALLS + 3 * PERIOD):
        through(site, identity, number)
    recorder.stop()
    indexes = [task.index for task in site.sample.tasks]
    assert indexes == sorted(set(indexes))
    assert [task.load()[1][0] for task in site.sample.tasks][:1] == [indexes[0]]
    assert len(indexes) >= 60


@given(st.binary(max_size=4000), st.integers(min_value=0, max_value=4000))
@settings(max_examples=50)
def test_a_pickle_ends_at_its_limit(value: bytes, limit: int) -> None:
    try:
        assert len(pickled(value, limit, 10.0)) <= limit
    except TooMuchError:
        assert len(value) + 50 > limit


def test_a_pickle_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(TooMuchError):
        pickled(list(range(200_000)), 2**30, 0.0)


def test_arguments_are_those_of_the_moment_of_the_call(recorder: Recorder) -> None:
    site = new_site(recorder)
    numbers: list[int] = []
    for number in range(3):
        numbers.append(number)
        through(site, sum, numbers)
    numbers.clear()
    assert [task.load()[1] for task in site.sample.tasks] == [([0],), ([0, 1],), ([0, 1, 2],)]


def test_each_load_gives_fresh_arguments(recorder: Recorder) -> None:
    site = new_site(recorder)
    through(site, len, [1, 2])
    (task,) = site.sample.tasks
    task.load()[1][0].clear()
    assert task.load()[1] == ([1, 2],)


def test_what_cannot_be_pickled_is_kept_alive_and_marked(recorder: Recorder) -> None:
    site = new_site(recorder)
    lock = threading.Lock()
    through(site, identity, lock)
    assert site.sample.tasks[0].load()[1] == (lock,)
    assert site.sample.pickle_error is not None
    assert "lock" in site.sample.pickle_error


def test_a_callee_that_cannot_be_pickled_is_marked(recorder: Recorder) -> None:
    site = new_site(recorder)
    through(site, lambda x: x, 1)
    recorder.stop()
    assert site.sample.pickle_error is not None


def test_a_call_that_raises_is_counted_and_not_kept(recorder: Recorder) -> None:
    site = new_site(recorder)
    with pytest.raises(ValueError, match="'x'"):
        through(site, int, "x")
    assert (site.tally.calls, site.sample.tasks) == (1, [])


def test_results_are_digested_alike(recorder: Recorder) -> None:
    site = new_site(recorder)
    through(site, list, "ab")
    through(site, list, "ab")
    through(site, list, "abc")
    one, other, third = (task.digest for task in site.sample.tasks)
    assert one == other != third


def test_only_what_costs_nothing_is_recorded_once_the_allowance_is_spent() -> None:
    recorder = Recorder(Effects(), allowance_s=0.0)
    plain, pickled_ones = new_site(recorder), new_site(recorder)
    for number in range(5):
        assert through(plain, identity, number) == number
        assert through(pickled_ones, identity, [number]) == [number]
    recorder.stop()
    assert [(site.tally.calls, len(site.sample.tasks)) for site in (plain, pickled_ones)] == [(5, 5), (5, 2)]


def test_a_site_that_comes_late_finds_some_of_the_allowance_left() -> None:
    recorder = Recorder(Effects(), allowance_s=0.3)
    early, late = new_site(recorder), new_site(recorder)
    for number in range(1_000):
        through(early, sorted, list(range(number, number + 20_000)))
    assert len(early.sample.tasks) < 512
    assert early.allowance.left_s <= 0 < recorder.allowance.left_s
    for number in range(3):
        through(late, identity, number)
    assert len(late.sample.tasks) == 3


def test_awaitables_and_generators_are_deferred(recorder: Recorder) -> None:
    async def coroutine() -> None:
        return None

    def generator() -> Iterator[int]:
        yield 1

    for function in (coroutine, generator):
        site = new_site(recorder)
        made = through(site, function)
        assert site.deferred
        made.close()


def test_what_reads_its_callers_frame_is_left_alone(recorder: Recorder) -> None:
    site = new_site(recorder)
    assert site.wrap(dataclasses.make_dataclass) is dataclasses.make_dataclass
    assert site.wrap(identity) is not identity


def test_map_makes_a_site_of_its_function(recorder: Recorder) -> None:
    site = new_site(recorder)
    assert list(through(site, map, identity, range(5000))) == list(range(5000))
    recorder.stop()
    assert site.tally.calls == 0
    assert site.mapped is not None
    assert (site.mapped.tally.calls, site.mapped.where["callee"]) == (5000, "identity")


# --- calls that depend on each other -------------------------------------------------------------------


def test_a_result_given_to_a_later_call_is_seen(recorder: Recorder) -> None:
    site = new_site(recorder)
    state: Any = [0.5]
    for _ in range(4):
        state = through(site, lambda x: [x[0] + 1], state)
    assert site.marks.reused == 3


def test_a_result_inside_a_later_argument_is_seen(recorder: Recorder) -> None:
    site = new_site(recorder)
    made = [through(site, object)]
    through(site, len, made)
    through(site, len, [])
    assert site.marks.reused == 1


def test_independent_calls_reuse_nothing(recorder: Recorder) -> None:
    site = new_site(recorder)
    shared = {"config": [1]}
    for number in range(5):
        through(site, lambda config, n: [config, n], shared, number)  # hands out what it was given
    for _ in range(5):
        through(site, identity, shared)
    for text in ("", "ab", "", None, 7, True):
        through(site, identity, text)
    assert site.marks.reused == 0


class Counter:
    def __init__(self) -> None:
        self.n = 0

    def bump(self) -> int:
        self.n += 1
        return self.n

    def look(self) -> int:
        return self.n


def bump_global() -> None:
    TOTAL["sum"] += 1


def look_at_global() -> int:
    return TOTAL["sum"]


class Tracker:
    made = 0

    def __init__(self) -> None:
        Tracker.made += 1


def count_through_another() -> None:
    bump_global()


def judged(recorder: Recorder, function: Callable[..., Any], *rows: tuple[Any, ...], **kwargs: object) -> Site:
    """The settled site of a few calls of `function`."""
    site = new_site(recorder)
    for row in rows:
        through(site, function, *row, **kwargs)
    site.finish()
    return site


def test_changes_of_shared_things_are_seen_and_named(recorder: Recorder) -> None:
    counter, numbers = Counter(), [0]
    seen = 0

    def bump_enclosed() -> None:
        nonlocal seen
        seen += 1

    def set_first(xs: list[int]) -> None:
        xs[0] += 1

    def set_first_of(*, xs: list[int]) -> None:
        xs[0] += 1

    for function, args, kwargs, name in [
        (counter.bump, (), {}, "self.n"),
        (set_first, (numbers,), {}, "argument 1[0]"),
        (set_first_of, (), {"xs": numbers}, "argument 'xs'[0]"),
        (bump_global, (), {}, "global TOTAL['sum']"),
        (count_through_another, (), {}, "global TOTAL['sum']"),
        (bump_enclosed, (), {}, "enclosing variable seen"),
        (Tracker, (), {}, "Tracker.made"),
    ]:
        site = judged(recorder, function, args, args, **kwargs)
        assert (site.marks.mutated, site.marks.grown, site.marks.by_key) == ({name}, set(), set())


def test_what_only_grows_is_told_apart(recorder: Recorder) -> None:
    numbers, table, names = [0], {"a": 1}, {"a"}
    for function, rows in [
        (numbers.append, ((1,), (2,))),
        (table.setdefault, (("b", 1), ("c", 1))),
        (names.add, (("b",), ("c",))),
    ]:
        site = judged(recorder, function, *rows)
        assert (site.marks.mutated, site.marks.grown) == (set(), {"self"})


def test_keys_of_its_own_are_told_from_one_that_all_calls_set(recorder: Recorder) -> None:
    rows = [0] * 6

    def put(place: int) -> None:
        rows[place] = place + 1

    own = judged(recorder, put, (0,), (3,), (5,))
    assert (own.marks.mutated, own.marks.by_key) == (set(), {"enclosing variable rows"})
    rows[:] = [0] * 6
    same = judged(recorder, lambda: rows.__setitem__(2, rows[2] + 1), (), ())
    assert (same.marks.mutated, same.marks.by_key) == ({"enclosing variable rows[2]"}, set())


def test_a_list_that_loses_items_is_changed(recorder: Recorder) -> None:
    todo = [1, 2, 3, 4]
    site = judged(recorder, todo.pop, (), ())
    assert site.marks.mutated == {"self"}


def test_what_is_made_on_first_use_is_no_change(recorder: Recorder) -> None:
    class Client:
        connection: object = None

        def get(self) -> object:
            if self.connection is None:
                self.connection = object()
            return self.connection

    site = judged(recorder, Client().get, (), (), ())
    assert (site.marks.mutated, site.marks.grown) == (set(), set())


def test_what_is_not_shared_or_not_changed_is_not_named(recorder: Recorder) -> None:
    counter, numbers = Counter(), [0]
    sites = []

    def several(function: Callable[..., Any], *rows: tuple[Any, ...]) -> None:
        sites.append(new_site(recorder))
        for row in rows:
            through(sites[-1], function, *row)

    several(counter.look, (), ())
    several(look_at_global, (), ())
    several(len, (numbers,), (numbers,))
    several(lambda xs: xs.append(1), ([],), ([],), ([],))  # each call changes a list of its own
    several(sorted, ([2, 1],), ([2, 1],))
    recorder.stop()
    assert [site.marks.mutated for site in sites] == [set()] * len(sites)


def test_effects_belong_to_every_call_they_happen_in(recorder: Recorder) -> None:
    effects = recorder.effects
    effects.mode = "note"
    outer, inner = new_site(recorder), new_site(recorder)

    def write(name: str) -> None:
        effects.effect("file-write", name)

    def helper() -> None:
        thread = threading.Thread(target=write, args=("by helper",))
        thread.start()
        thread.join()

    def call() -> None:
        through(inner, write, "inner")
        write("outer")
        helper()

    through(outer, call)
    write("outside")
    assert set(outer.notes.seen) == {("file-write", what) for what in ("inner", "outer", "by helper")}
    assert set(inner.notes.seen) == {("file-write", "inner")}


def test_very_many_different_effects_are_counted_by_their_sort(recorder: Recorder) -> None:
    site = new_site(recorder)
    for number in range(50_000):
        site.notes.add("database", f"runs insert into t values({number}, 'row {number}")
    assert len(site.notes.seen) < 300
    assert sum(site.notes.seen.values()) == 50_000


class Odd:
    def __init__(self) -> None:
        self.n = 0

    def __reduce__(self) -> str:
        raise RuntimeError("not to be looked at")

    def __len__(self) -> int:
        raise RuntimeError("nor measured")


class OddList(list):  # type: ignore[type-arg]
    def __len__(self) -> int:
        raise RuntimeError("not to be measured")


ODD: list[object] = [Odd(), OddList()]
ODD_ROWS = OddList()


def next_to_odd() -> int:
    TOTAL["sum"] += 1
    return len(ODD) + (ODD_ROWS is None)


def test_an_object_that_cannot_be_looked_at_hides_itself_alone(recorder: Recorder) -> None:
    site = judged(recorder, next_to_odd, (), (), ())
    assert site.marks.mutated == {"global TOTAL['sum']"}


HUGE = [[(i, i) for i in range(60_000)] for _ in range(12)]
HUGE_SITES, HUGE_CPU_S = 6, 6.0
"""Looked at as long as one look may take, each time, these come to ten times that."""


def next_to_huge() -> int:
    TOTAL["sum"] += 1
    return len(HUGE)


def test_looks_at_huge_things_take_no_more_in_all_than_they_may() -> None:
    recorder = Recorder(Effects(), allowance_s=0.1)
    began = time.process_time()
    for _ in range(HUGE_SITES):
        assert judged(recorder, next_to_huge, (), (), ()).marks.mutated == {"global TOTAL['sum']"}
    assert time.process_time() - began < HUGE_CPU_S


def test_an_attribute_that_becomes_another_kind_is_a_change(recorder: Recorder) -> None:
    class Walker:
        def __init__(self) -> None:
            self.node: Any = Counter()

        def step(self) -> None:
            self.node = None if isinstance(self.node, Counter) else Counter()

    site = judged(recorder, Walker().step, (), (), ())
    assert site.marks.mutated == {"self.node"}
