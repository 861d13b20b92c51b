"""What limits the workers of a process pool, told from replays where children were seen too seldom to tell."""

from __future__ import annotations

import pytest

from advisor.analyse.bound import judge_replayed
from advisor.model.ledger import Ledger
from advisor.model.trial import SERIAL, Trial, WorkerMix

THREADS = WorkerMix(backend="threads", threads_per_process=2)
PROCESSES = WorkerMix(backend="processes", processes=2)
MISLED = Ledger(python=0.2, native=0.4, runqueue=0.4)
"""What a recorder that met each short-lived child once or twice may say of pure Python code."""


def replayed(mix: WorkerMix, wall_s: float, *, cpus: float) -> Trial:
    return Trial(mix=mix, tasks=8, wall_s=(wall_s, wall_s), cpu_s=cpus * wall_s)


@pytest.mark.parametrize(
    ("threads", "processes", "detail"),
    [
        pytest.param(1.02, 1.9, "python", id="only-processes-overlap"),
        pytest.param(1.9, 1.9, "native", id="threads-overlap"),
        pytest.param(0.7, 0.7, "native", id="a-machine-with-one-cpu-to-give-tells-nothing"),
    ],
)
def test_whether_threads_overlap_says_who_holds_the_gil(threads: float, processes: float, detail: str) -> None:
    trials = [
        replayed(SERIAL, 1.0, cpus=0.99),
        replayed(THREADS, 1.0, cpus=threads),
        replayed(PROCESSES, 0.6, cpus=processes),
    ]
    bound = judge_replayed(MISLED, trials)
    assert bound is not None
    assert (bound.bound, bound.detail) == ("cpu-bound", detail)


def test_calls_that_wait_are_left_to_the_ledger() -> None:
    assert judge_replayed(MISLED, [replayed(SERIAL, 1.0, cpus=0.5)]) is None


def test_calls_that_were_not_replayed_are_left_to_the_ledger() -> None:
    assert judge_replayed(MISLED, [replayed(PROCESSES, 1.0, cpus=1.9)]) is None
