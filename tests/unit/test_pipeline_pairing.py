"""Pairs of runs on a clock and a timer that are made up: when they begin, end, and give up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import noisy
import pytest

from advisor.model.check import Run
from advisor.model.checkplan import CheckedScript
from advisor.model.target import ScriptExit
from advisor.observe.plain import Command
from advisor.pipeline.pairing import Pairing, RunFailedError, TooFewPairsError

SCRIPT = CheckedScript(name="job.py", path="job.py")


@dataclass(slots=True)
class FakeTimer:
    """Runs take the seconds that `seconds` gives for an arm; `clock_s` moves with them."""

    seconds: Callable[[str], float]
    failing: str = ""
    ends: bool = True
    clock_s: float = 0.0
    arms: list[str] = field(default_factory=list)
    limits_s: list[float] = field(default_factory=list)

    def run(self, command: Command, *, timeout_s: float) -> tuple[ScriptExit, Run | None]:
        arm = command.argv[0]
        self.arms.append(arm)
        self.limits_s.append(timeout_s)
        if arm == self.failing:
            return ScriptExit(code=1, error="ValueError: no"), None if not self.ends else _run(0.1)
        taken_s = self.seconds(arm)
        self.clock_s += taken_s
        return ScriptExit(), _run(taken_s)


def _run(wall_s: float) -> Run:
    return Run(wall_s=wall_s, cpu_s=wall_s, peak_rss_bytes=1, voluntary_switches=0, involuntary_switches=0)


def pairing(timer: FakeTimer, script: CheckedScript = SCRIPT) -> Pairing:
    commands = {arm: Command(argv=(arm,), cwd="/") for arm in ("base", "head")}
    return Pairing(script=script, timer=timer, commands=commands, now=lambda: timer.clock_s)


def noisy_seconds(seed: int, slower: float = 0.0) -> Callable[[str], float]:
    taken = iter(noisy.runs(seed, 1000))
    return lambda arm: next(taken) * (1 + slower if arm == "head" else 1)


def test_arms_run_in_turn_so_that_drift_favours_neither():
    timer = FakeTimer(noisy_seconds(1, 0.5))
    pairs, _ = pairing(timer).until_settled()
    assert timer.arms[:8] == ["base", "head", "head", "base"] * 2
    assert len(pairs.base) == len(pairs.head)


def test_runs_end_as_soon_as_the_answer_is_settled():
    timer = FakeTimer(noisy_seconds(2, 1.0))
    _, decision = pairing(timer).until_settled()
    assert decision.outcome == "regression"
    assert timer.clock_s < SCRIPT.budget_s / 2


def test_the_budget_is_kept_to_the_pair():
    timer = FakeTimer(lambda _arm: 0.5 * (1.4 if len(timer.arms) % 7 < 3 else 1.0))
    script = replace(SCRIPT, budget_s=9.0)
    pairs, _ = pairing(timer, script).until_settled()
    assert timer.clock_s <= 9.0
    assert len(pairs) >= 5


def test_a_slow_first_run_from_cold_caches_does_not_keep_a_script_from_being_checked():
    taken = iter([20.0, 20.0, 2.0, 2.0])
    timer = FakeTimer(lambda _arm: next(taken))
    assert pairing(timer).first_runs() == pytest.approx(4.0)


def test_a_script_too_long_for_the_budget_is_told_before_time_is_spent_and_what_budget_would_do():
    timer = FakeTimer(lambda _arm: 40.0)
    with pytest.raises(TooFewPairsError, match=r"5 pairs .* 400 s, the budget is 60 s; --budget 480"):
        pairing(timer).first_runs()
    assert len(timer.arms) == 2


def test_first_runs_that_were_slow_for_once_do_not_end_it():
    timer = FakeTimer(lambda _arm: 10.0 if len(timer.arms) <= 2 else 1.0)
    assert pairing(timer).first_runs() == 2.0
    timer = FakeTimer(lambda _arm: 10.0)
    with pytest.raises(TooFewPairsError, match=r"would take 100 s"):
        pairing(timer).first_runs()


@pytest.mark.parametrize("arm", ["base", "head"])
def test_a_run_that_fails_ends_it_and_says_which_arm(arm: str):
    timer = FakeTimer(lambda _arm: 0.5, failing=arm)
    with pytest.raises(RunFailedError, match=rf"{arm} failed with exit code 1: ValueError: no"):
        pairing(timer).first_runs()


def test_later_runs_get_a_limit_from_the_first():
    timer = FakeTimer(lambda _arm: 5.0)
    one = pairing(timer, replace(SCRIPT, budget_s=100.0))
    one.first_runs()
    one.until_settled()
    assert timer.limits_s[0] == 600.0
    assert timer.limits_s[-1] == pytest.approx(200.0)


def test_a_limit_of_ones_own_holds_from_the_first_run():
    timer = FakeTimer(lambda _arm: 0.5)
    pairing(timer, replace(SCRIPT, timeout_s=7.0)).first_runs()
    assert set(timer.limits_s) == {7.0}
