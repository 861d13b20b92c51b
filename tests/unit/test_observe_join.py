"""The join, on runs made by hand: parts add up, shares are the known ones."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from advisor.model.observation import Frame, Stack
from advisor.observe.accounting import Interval, intervals
from advisor.observe.join import NO_STACK, Joined, Watched, join
from advisor.observe.kernel import KernelSample
from advisor.observe.pyspy import Profile, ThreadKey, Track
from advisor.observe.shares import KindShares, shares
from advisor.observe.taskfiles import ThreadPoint

PID = 10
MAIN: ThreadKey = (PID, PID)
PERIOD_S = 0.010
MS = 1_000_000


def stack(*functions: str, line: int = 1) -> Stack:
    return tuple(Frame(file="/s.py", line=line, function=name) for name in functions)


WAIT, WORK = stack("main", "wait"), stack("main", "work")


def point(state: str, cpu_ms: float, *, delay_ms: float = 0, kind: str | None = None, tid: int = PID) -> ThreadPoint:
    return ThreadPoint(PID, tid, state, int(cpu_ms * MS), int(delay_ms * MS), kind)


def sample(at_ms: float, *points: ThreadPoint) -> KernelSample:
    return KernelSample(at_s=at_ms / 1000, threads=points)


def only(intervals_: list[Interval]) -> list[tuple[float, float, float]]:
    """cpu, run queue and wait in ms of the first thread of each interval."""
    spells = [interval.spells[0] for interval in intervals_]
    return [tuple(round(part * 1000, 6) for part in (s.cpu_s, s.runqueue_s, s.wait_s)) for s in spells]  # type: ignore[misc]


def test_parts_fill_the_time_between_two_samples() -> None:
    samples = [sample(0, point("S", 0, kind="sleep")), sample(10, point("S", 4, delay_ms=1, kind="sleep"))]

    (found,) = intervals(samples, 0.0, 1.0)

    assert only([found]) == [(4, 1, 5)]
    assert found.spells[0].kinds == ("sleep", "sleep")


def test_work_that_never_waits_shows_no_wait_although_the_kernels_sums_come_late() -> None:
    """The sums grow at the scheduler's tick of 4 ms, the samples come every 10 ms."""
    samples = [sample(at, point("R", 4 * (at // 4))) for at in range(0, 201, 10)]

    found = only(list(intervals(samples, 0.0, 1.0)))

    assert sum(wait for _cpu, _queue, wait in found) == 0
    assert sum(cpu for cpu, _queue, _wait in found) == pytest.approx(200, abs=4)


def test_a_thread_kept_off_the_cpu_is_in_the_run_queue_before_the_kernel_says_so() -> None:
    samples = [sample(at, point("R", 0)) for at in (0, 10, 20, 30)]
    samples.append(sample(40, point("S", 2, delay_ms=37, kind="lock")))

    found = only(list(intervals(samples, 0.0, 1.0)))
    cpu, queue, wait = (sum(parts) for parts in zip(*found, strict=True))

    assert cpu + queue + wait == pytest.approx(40)
    assert queue >= 20
    assert wait <= 10


def test_time_before_the_gate_and_after_the_end_does_not_count() -> None:
    samples = [sample(at, point("S", 0, kind="sleep")) for at in range(0, 101, 10)]

    found = list(intervals(samples, 0.025, 0.085))

    assert [round(i.start_s, 3) for i in found] == [0.025, 0.030, 0.040, 0.050, 0.060, 0.070]
    assert sum(i.length_s for i in found) == pytest.approx(0.055)


def test_a_thread_that_has_just_begun_counts_with_its_cpu_time_only() -> None:
    samples = [sample(0, point("S", 0)), sample(10, point("S", 0), point("R", 3, tid=11))]

    (found,) = intervals(samples, 0.0, 1.0)

    young = found.spells[1]
    assert young.cpu_s == pytest.approx(0.003)
    assert young.runqueue_s == young.wait_s == 0


def run(
    samples: list[KernelSample], track: Track, *, plain: Profile | None = None, gil: Profile | None = None
) -> Joined:
    """The join of a run of the main thread from 0 s on; stacks stand from the times the track says."""
    late = Track(at_s=[at_s + PERIOD_S / 2 for at_s in track.at_s], stacks=track.stacks)
    return join(
        Watched(
            samples=samples, opened_s=0.0, ended_s=samples[-1].at_s, timeline={MAIN: late}, timeline_zero_s=0.0,
            period_s=PERIOD_S, clean=lambda _pid, raw: raw, plain=plain, gil=gil,
        )
    )  # fmt: skip


def seconds(joined: Joined) -> Counter[tuple[str, str]]:
    """(innermost function, kind) -> seconds."""
    total: Counter[tuple[str, str]] = Counter()
    for moment in (moment for tick in joined.ticks for moment in tick.moments):
        name = joined.stacks[moment.stack][-1].function if moment.stack != NO_STACK else "?"
        total[name, "cpu"] += moment.cpu_s  # type: ignore[assignment]
        total[name, "runqueue"] += moment.runqueue_s  # type: ignore[assignment]
        total[name, moment.wait_kind] += moment.wait_s  # type: ignore[assignment]
    return total


def two_phases() -> tuple[list[KernelSample], Track]:
    """0.5 s on the network in `wait`, then 0.5 s of computing in `work`."""
    samples = [sample(at, point("S", 0, kind="network")) for at in range(0, 501, 10)]
    samples += [sample(at, point("R", at - 500)) for at in range(510, 1001, 10)]
    return samples, Track(at_s=[0.0, 0.5], stacks=[WAIT, WORK])


def test_each_phase_goes_to_its_stack_and_every_tick_adds_up() -> None:
    samples, track = two_phases()

    joined = run(samples, track, plain={MAIN: Counter({WORK: 50})}, gil={MAIN: Counter({WORK: 50})})
    found = seconds(joined)

    assert found["wait", "network"] == pytest.approx(0.5, rel=0.02)
    assert found["work", "cpu"] == pytest.approx(0.5, rel=0.02)
    for tick in joined.ticks:
        parts = sum(m.cpu_s + m.runqueue_s + m.wait_s for m in tick.moments)
        assert parts == pytest.approx(tick.length_s, rel=0.02)
    assert all(later.at_s >= earlier.at_s + earlier.length_s - 1e-9 for earlier, later in pairwise(joined.ticks))


def test_waits_and_work_within_one_sample_go_to_the_stack_that_does_such_things() -> None:
    """Each 10 ms has 5 ms of wait and 5 ms of work, and samples meet now the one, now the other."""
    samples = [sample(at, point("S", at / 2, kind="network")) for at in range(0, 1001, 10)]
    met = [WAIT, WORK, WORK, WAIT, WAIT, WAIT, WORK, WORK, WORK, WAIT] * 10
    track = Track(at_s=[number * PERIOD_S for number in range(100)], stacks=met)

    found = seconds(run(samples, track, plain={MAIN: Counter({WORK: 50})}))

    for name, kind in (("wait", "network"), ("work", "cpu")):
        of_function = sum(value for (function, _kind), value in found.items() if function == name)
        assert found[name, kind] / of_function >= 0.9


def test_gil_share_is_of_the_cpu_time_of_each_stack() -> None:
    samples, track = two_phases()
    holding = {MAIN: Counter({WORK: 25})}

    joined = run(samples, track, plain={MAIN: Counter({WORK: 50})}, gil=holding)
    by_stack = dict(zip(joined.stacks, joined.gil_share, strict=True))

    assert by_stack[WORK] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("looks", "share"), [(50, 1.0), (25, 0.5), (0, 0.0)])
def test_who_holds_the_gil_in_children_is_looked_at_less_often(looks: int, share: float) -> None:
    """Two children compute for two seconds each, and a look every 40 ms on average meets both."""
    children = (PID + 1, PID + 2)
    samples = [
        KernelSample(at_s=at / 1000, threads=tuple(ThreadPoint(pid, pid, "R", at * MS, 0, None) for pid in children))
        for at in range(0, 2001, 10)
    ]
    joined = join(
        Watched(
            samples=samples, opened_s=0.0, ended_s=2.0, timeline_zero_s=0.0, period_s=PERIOD_S,
            timeline={(pid, pid): Track(at_s=[0.0], stacks=[WORK]) for pid in children}, clean=lambda _pid, raw: raw,
            gil={(pid, pid): Counter({WORK: looks}) for pid in children}, gil_period_s=dict.fromkeys(children, 0.04),
        )
    )  # fmt: skip

    assert dict(zip(joined.stacks, joined.gil_share, strict=True))[WORK] == pytest.approx(share, abs=0.05)


def test_without_a_gil_recorder_all_work_is_pythons() -> None:
    samples, track = two_phases()

    assert set(run(samples, track).gil_share) == {1.0}


def test_a_thread_without_a_python_stack_is_kept() -> None:
    samples = [sample(at, point("R", at)) for at in range(0, 101, 10)]

    found = seconds(run(samples, Track()))

    assert found["?", "cpu"] == pytest.approx(0.1, rel=0.02)


def test_few_samples_of_a_line_lean_on_those_of_its_function() -> None:
    line_1, line_2 = stack("f", line=1), stack("f", line=2)
    native = stack("g")
    share = shares({line_1: 98.0}, {line_1: 100.0, line_2: 1.0, native: 100.0}, default=1.0)

    assert share(line_1) == pytest.approx(0.98, abs=0.03)
    assert 0.7 <= share(line_2) <= 1.0
    assert share(native) <= 0.1
    assert 0.0 <= share(stack("never seen")) <= 1.0


def test_shares_of_nothing_are_the_default() -> None:
    assert shares({}, {}, default=1.0)(WORK) == pytest.approx(1.0)


def test_usual_kind_of_a_stack() -> None:
    kinds = KindShares([(WAIT, "network"), (WAIT, "network"), (WAIT, "gil")])

    assert kinds.usual(WAIT) == "network"
    assert kinds.usual(WORK) == "other"
    assert kinds.share(WAIT, "network") > kinds.share(WAIT, "gil") > kinds.share(WAIT, "disk") > 0
