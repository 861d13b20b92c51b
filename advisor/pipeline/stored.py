"""A check without a base beside it: head's runs are kept, or compared with runs that were kept before."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.analyse.statistics import DRIFT
from advisor.errors import AdvisorError, RevisionError
from advisor.gate.decide import LEAST_PAIRS, decide
from advisor.gate.rules import Evidence, broken_rules
from advisor.gate.verdict import outcome_of, reason, time_rule
from advisor.model.check import CheckResult, Pairs, Revision, Run, ScriptCheck
from advisor.model.shape import Shape
from advisor.observe.interpreter import probe
from advisor.observe.plain import Timer
from advisor.observe.signals import orderly_end
from advisor.pipeline.arms import ArmTree, environment
from advisor.pipeline.check import CheckOptions, find_scripts, now_utc
from advisor.pipeline.pairing import FIRST_TIMEOUT_S, RunFailedError, Say
from advisor.revision.environment import fingerprint
from advisor.revision.repository import find_repository, head_revision

if TYPE_CHECKING:
    from advisor.model.baseline import Baseline, StoredScript
    from advisor.model.checkplan import CheckedScript

RUNS = 40
"""Runs that are kept of a script, where its budget allows."""


def check_stored(options: CheckOptions, baseline: Baseline | None, say: Say = lambda _text: None) -> CheckResult:
    """Run head alone, and compare it with `baseline` (None: its runs are only to be kept).

    Runs of different days differ by what the machine does meanwhile, so that smaller changes than that drift are no
    regressions here. Runs of another machine or interpreter are not compared at all. Raises ConfigError where a script
    is not there, and AdvisorError for an interpreter that cannot be used.
    """
    begin_s = time.monotonic()
    find_scripts(options, None)
    python = options.interpreter
    cwd = options.folder.resolve()
    tree = ArmTree(
        tree=_top(cwd), below=cwd.relative_to(_top(cwd)).as_posix(), python=python,
        environment=environment(cwd, (), options.search_path), libraries=probe(python).library_folders,
    )  # fmt: skip
    here = fingerprint(python, tree.tree)
    differences = here.differences(baseline.fingerprint) if baseline is not None else ()
    with orderly_end(), Timer() as timer:
        alone = _Alone(timer=timer, tree=tree, say=say)
        scripts = tuple(_checked(script, alone, baseline, differences) for script in options.plan.scripts)
    return CheckResult(
        advisor_version=metadata.version("advisor"), created=now_utc(), base=_stored_revision(baseline),
        head=_head(cwd, options.written), fingerprint=here, scripts=scripts, total_s=time.monotonic() - begin_s,
        warn_only=options.plan.warn_only,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alone:
    """Runs one arm."""

    timer: Timer
    tree: ArmTree
    say: Say

    def runs(self, script: CheckedScript, at_most: int) -> tuple[Run, ...]:
        """Up to `at_most` runs within the script's budget, after one that is thrown away. Raises RunFailedError."""
        command = self.tree.command(script)
        found: list[Run] = []
        end_s = None
        while len(found) < at_most + 1 and (end_s is None or time.monotonic() < end_s):
            ended, run = self.timer.run(command, timeout_s=script.timeout_s or FIRST_TIMEOUT_S)
            if run is None or ended.failed:
                raise RunFailedError("head", ended)
            end_s = end_s or time.monotonic() + script.budget_s
            found.append(run)
        self.say(f"{script.name}: {len(found) - 1} runs")
        return tuple(found[1:])


def _checked(
    script: CheckedScript, alone: _Alone, baseline: Baseline | None, differences: tuple[str, ...]
) -> ScriptCheck:
    file = alone.tree.file(script)
    blank = ScriptCheck(
        name=script.name, file=alone.tree.named(str(file)) if file is not None else None, outcome="could-not-measure",
        reason="", threshold=script.threshold, budget_s=script.budget_s, warn_only=script.warn_only,
    )  # fmt: skip
    if differences:
        return replace(blank, outcome="not-comparable", reason="; ".join(differences))
    stored = baseline.of(script.name) if baseline is not None else None
    if stored is not None and (stored.program, stored.argv) != (script.shown, script.argv):
        return replace(blank, outcome="not-comparable", reason=_otherwise(stored, script))
    begin_s = time.monotonic()
    try:
        runs = alone.runs(script, len(stored.runs) if stored is not None else RUNS)
    except AdvisorError as error:
        return replace(blank, reason=error.what)
    blank = replace(blank, alone=runs, spent_s=time.monotonic() - begin_s)
    if stored is None:
        what = "the baseline has no runs of it" if baseline is not None else "its runs are kept, nothing is compared"
        return replace(blank, outcome="not-comparable", reason=what, new=True)
    return _compared(script, blank, Pairs(base=stored.runs[: len(runs)], head=runs))


def _otherwise(stored: StoredScript, script: CheckedScript) -> str:
    then, now = shlex.join((stored.program, *stored.argv)), shlex.join((script.shown, *script.argv))
    return f"another command: {then} then, {now} now"


def _compared(script: CheckedScript, blank: ScriptCheck, pairs: Pairs) -> ScriptCheck:
    if len(pairs) < LEAST_PAIRS:
        return replace(blank, outcome="inconclusive", reason=f"{len(pairs)} runs are too few, {LEAST_PAIRS} are needed")
    script = _widened(script)
    base, head = ([run.wall_s for run in arm] for arm in (pairs.base, pairs.head))
    decision = decide(base, head, threshold=script.threshold, false_alarms=script.false_alarms, final=True)
    time_result = time_rule(script, pairs, decision)
    evidence = Evidence(pairs=pairs, base=Shape(), head=Shape())
    rules = (*([time_result] if time_result is not None else []), *broken_rules(script, evidence))
    outcome = outcome_of(rules)
    slower = decision.comparison.ratio.value >= 1
    return replace(
        blank, outcome=outcome, threshold=script.threshold,
        reason=reason(script, outcome, rules, pairs=len(pairs), spent_s=blank.spent_s), pairs=pairs, alone=(),
        ratio=decision.comparison.ratio, undisturbed=decision.undisturbed, rules=rules,
        p_value=decision.comparison.p_slower if slower else decision.comparison.p_faster,
        notes=(f"stored runs: what differs by less than {DRIFT - 1:.0%} may be the machine's own drift",),
    )  # fmt: skip


def _widened(script: CheckedScript) -> CheckedScript:
    """The script with a limit that drift between two days does not reach."""
    threshold = max(script.threshold, DRIFT - 1)
    rule = script.rules.time
    rules = replace(script.rules, time=replace(rule, threshold=threshold) if rule is not None else None)
    return replace(script, threshold=threshold, rules=rules)


def _top(cwd: Path) -> Path:
    try:
        return find_repository(cwd)
    except RevisionError:
        return cwd


def _head(cwd: Path, written: Sequence[Path]) -> Revision:
    try:
        return head_revision(find_repository(cwd), written)
    except RevisionError:
        return Revision(name="the working folder", commit="", why="there is no repository")


def _stored_revision(baseline: Baseline | None) -> Revision:
    if baseline is None:
        return Revision(name="nothing", commit="", why="head's runs are only kept")
    return Revision(name=f"the runs kept at {baseline.created}", commit=baseline.commit, why="--baseline")
