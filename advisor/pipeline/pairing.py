"""Undisturbed runs of one script in both arms, until these settle the question or the budget ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import scipy.stats  # noqa: F401  # the first look needs it: loaded before a budget begins, and between no two runs

from advisor.errors import AdvisorError
from advisor.gate.decide import LEAST_PAIRS, Decision, decide, next_look
from advisor.gate.pairs import order
from advisor.model.check import Arm, Pairs, Run

if TYPE_CHECKING:
    from advisor.model.checkplan import CheckedScript
    from advisor.model.target import ScriptExit
    from advisor.observe.plain import Command, Timer

FIRST_TIMEOUT_S = 600.0
"""After so long the first run of a script without a limit of its own is stopped."""
TIMEOUT_FACTOR = 20.0
TIMEOUT_AT_LEAST_S = 60.0
"""Later runs are stopped after so many times the first one, at least this."""

Say = Callable[[str], None]


class RunFailedError(AdvisorError):
    """A run of an arm did not end well, so that there is nothing to measure. `arm` says which, `ended` how."""

    def __init__(self, arm: Arm, ended: ScriptExit) -> None:
        told = f": {ended.error}" if ended.error else ""
        super().__init__(f"{arm} failed with exit code {ended.code}{told}")
        self.arm = arm
        self.ended = ended


class TooFewPairsError(AdvisorError):
    """The pairs that are needed at least do not fit into the budget. `needed_s` says what they would take."""

    def __init__(self, needed_s: float, budget_s: float) -> None:
        super().__init__(
            f"{LEAST_PAIRS} pairs of runs are needed at least and would take {needed_s:.0f} s, the budget is "
            f"{budget_s:g} s; --budget {1.2 * needed_s:.0f} or a smaller input could tell"
        )
        self.needed_s = needed_s


@dataclass(slots=True)
class Pairing:
    """Runs pairs of one script. `commands` has that of each arm; `now` is the clock the budget is kept by."""

    script: CheckedScript
    timer: Timer
    commands: dict[Arm, Command]
    say: Say = lambda _text: None
    now: Callable[[], float] = time.monotonic
    timeout_s: float = FIRST_TIMEOUT_S
    _runs: dict[Arm, list[Run]] = field(default_factory=lambda: {"base": [], "head": []})

    def first_runs(self) -> float:
        """One run an arm that is thrown away: it fills caches and shows whether the script works; seconds of both.

        Where the budget holds these but not enough of them there is another one each: a first run from a cold disk, or
        one that writes byte code, may take many times as long as the next.
        Raises RunFailedError, and TooFewPairsError where the budget cannot hold enough.
        """
        self.timeout_s = self.script.timeout_s or FIRST_TIMEOUT_S
        taken_s = self._both("first")
        if self.script.timeout_s is None:
            self.timeout_s = max(TIMEOUT_AT_LEAST_S, TIMEOUT_FACTOR * taken_s)
        if taken_s <= self.script.budget_s < LEAST_PAIRS * taken_s:
            taken_s = self._both("second")
        if LEAST_PAIRS * taken_s > self.script.budget_s:
            raise TooFewPairsError(LEAST_PAIRS * taken_s, self.script.budget_s)
        return taken_s

    def _both(self, which: str) -> float:
        """A run of each arm; seconds of both."""
        taken_s = 0.0
        for arm in self.commands:
            self.say(f"{which} run of {arm}")
            taken_s += self._run(arm).wall_s
        return taken_s

    def until_settled(self) -> tuple[Pairs, Decision]:
        """Pairs, looked at ever more seldom, until the answer is settled or the next pair would go over the budget."""
        begin_s, look = self.now(), next_look(0)
        for arm in order():
            self._runs[arm].append(self._run(arm))
            count = len(self._runs["head"])
            if len(self._runs["base"]) != count:
                continue
            spent_s = self.now() - begin_s
            last = count >= LEAST_PAIRS and spent_s * (count + 1) / count > self.script.budget_s
            if last or count == look:
                decision = self._decide(final=last)
                if last or decision.settled:
                    return self._pairs(), decision
                self.say(f"{count} pairs in {spent_s:.0f} s, so far {decision.comparison.ratio.value:.3f}x")
                look = next_look(count)
        raise AssertionError("the order has no end")

    def _run(self, arm: Arm) -> Run:
        ended, run = self.timer.run(self.commands[arm], timeout_s=self.timeout_s)
        if run is None or ended.failed:
            raise RunFailedError(arm, ended)
        return run

    def _pairs(self) -> Pairs:
        return Pairs(base=tuple(self._runs["base"]), head=tuple(self._runs["head"]))

    def _decide(self, *, final: bool) -> Decision:
        base, head = ([run.wall_s for run in self._runs[arm]] for arm in ("base", "head"))
        return decide(base, head, threshold=self.script.threshold, false_alarms=self.script.false_alarms, final=final)
