"""Both arms of a check, laid out: each script is run, observed and judged in turn."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

from advisor.errors import AdvisorError
from advisor.gate.rules import Evidence, broken_rules
from advisor.gate.selftest import self_test
from advisor.gate.sites import changed_functions, changed_stacks
from advisor.gate.verdict import outcome_of, reason, time_rule
from advisor.model.check import Arm, Instructions, Pairs, ScriptCheck
from advisor.model.shape import Shape
from advisor.observe.instructions import counted_instructions
from advisor.observe.plain import Command, Timer
from advisor.pipeline.arms import ArmTree
from advisor.pipeline.pairing import Pairing, RunFailedError, Say, TooFewPairsError
from advisor.pipeline.shapes import Shapes, shapes

if TYPE_CHECKING:
    from advisor.model.checkplan import CheckedScript

COMPUTES_SHARE = 0.7
"""CPU time over wall time from which on counted instructions say something of a script's seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Both arms, ready to run. `lacking` is what base asks for and the interpreter does not have."""

    timer: Timer
    arms: Mapping[Arm, ArmTree]
    lacking: tuple[str, ...]
    say: Say

    def all_checked(self, scripts: Sequence[CheckedScript]) -> tuple[tuple[ScriptCheck, ...], bool]:
        """Every script's check, and whether Ctrl-C kept some from it. Raises KeyboardInterrupt where it kept all."""
        done: list[ScriptCheck] = []
        try:
            for script in scripts:
                done.append(self.checked(script))  # noqa: PERF401  # what is done by Ctrl-C is to be kept
        except KeyboardInterrupt:
            if not done:
                raise
            return tuple(done), True
        return tuple(done), False

    def checked(self, script: CheckedScript) -> ScriptCheck:
        """One script's check; what cannot be measured says why."""
        blank = ScriptCheck(
            name=script.name, file=self._file(script), outcome="could-not-measure", reason="",
            threshold=script.threshold, budget_s=script.budget_s, warn_only=script.warn_only,
        )  # fmt: skip
        if self.arms["base"].file(script) is None and self.arms["head"].file(script) is not None:
            return replace(blank, outcome="not-comparable", reason="new in head: base has no such script", new=True)
        if self.lacking:
            return replace(blank, outcome="not-comparable", reason="; ".join(self.lacking))
        try:
            return self._measured(script, blank)
        except TooFewPairsError as error:
            return replace(blank, outcome="inconclusive", reason=error.what)
        except RunFailedError as error:
            return replace(blank, reason=_failure(error))
        except AdvisorError as error:
            return replace(blank, reason=" ".join(str(error).split()))

    def _measured(self, script: CheckedScript, blank: ScriptCheck) -> ScriptCheck:
        say = _prefixed(self.say, script.name)
        commands = {arm: tree.command(script) for arm, tree in self.arms.items()}
        pairing = Pairing(script=script, timer=self.timer, commands=commands, say=say)
        pairing.first_runs()
        begin_s = time.monotonic()
        pairs, decision = pairing.until_settled()
        spent_s = time.monotonic() - begin_s
        base, head = ([run.wall_s for run in arm] for arm in (pairs.base, pairs.head))
        found, notes = self._shapes(script, pairs, say)
        time_result = time_rule(script, pairs, decision)
        evidence = Evidence(pairs=pairs, base=found["base"], head=found["head"])
        rules = (*([time_result] if time_result is not None else []), *broken_rules(script, evidence))
        outcome = outcome_of(rules)
        observed = (found["base"].profiles, found["head"].profiles)
        seconds = (median(base), median(head))
        slower = decision.comparison.ratio.value >= 1
        return replace(
            blank,
            outcome=outcome,
            reason=reason(script, outcome, rules, pairs=len(pairs), spent_s=spent_s),
            spent_s=spent_s,
            pairs=pairs,
            ratio=decision.comparison.ratio,
            undisturbed=decision.undisturbed,
            p_value=decision.comparison.p_slower if slower else decision.comparison.p_faster,
            self_test=self_test(base, head, threshold=script.threshold, false_alarms=script.false_alarms),
            rules=rules,
            sites=changed_functions(*observed, *seconds),
            stacks=changed_stacks(*observed, *seconds),
            instructions=self._instructions(commands, pairs, pairing.timeout_s),
            notes=tuple(notes),
        )

    def _shapes(self, script: CheckedScript, pairs: Pairs, say: Say) -> tuple[Shapes, list[str]]:
        if not script.shape:
            return {"base": Shape(), "head": Shape()}, []
        return shapes(script, self.arms, pairs, say)

    def _instructions(self, commands: Mapping[Arm, Command], pairs: Pairs, timeout_s: float) -> Instructions | None:
        """A run of each arm under the kernel's counter, of a script that computes."""
        if median(run.cpu_s / run.wall_s for run in pairs.head) < COMPUTES_SHARE:
            return None
        counts = {arm: counted_instructions(self.timer, each, timeout_s=timeout_s) for arm, each in commands.items()}
        base, head = counts["base"], counts["head"]
        return Instructions(base=base, head=head, runs=1) if base is not None and head is not None else None

    def _file(self, script: CheckedScript) -> str | None:
        file = self.arms["head"].file(script)
        return self.arms["head"].named(str(file)) if file is not None else None


def _failure(error: RunFailedError) -> str:
    if error.arm == "base":
        return f"{error.what}: without a base that works there is nothing to compare with"
    return error.what


def _prefixed(say: Say, name: str) -> Say:
    return lambda text: say(f"{name}: {text}")
