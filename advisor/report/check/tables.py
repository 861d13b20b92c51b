"""A check as pandas tables, built once and shared by every format for people; see `advisor.report.frames`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from advisor.model.check import WORST_FIRST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.model.check import CheckResult, RuleResult, Run, ScriptCheck

QUARTILES = (0.25, 0.5, 0.75)
TIMED = frozenset(("time", "bound", "gil"))
"""Rules about seconds of the profiles that the changed functions come from."""
SCRIPT_COLUMNS = (
    "name", "outcome", "new", "ratio", "threshold", "p_value", "pairs", "base_low_s", "base_s", "base_high_s",
    "head_low_s", "head_s", "head_high_s", "false_alarm_rate", "spent_s", "reason",
)  # fmt: skip
RULE_COLUMNS = ("code", "rule", "outcome", "level", "guilty", "message", "base", "head", "unit", "threshold", "samples")
SITE_COLUMNS = ("function", "file", "line", "base_s", "head_s", "delta_s", "spread_s", "state")


def scripts(result: CheckResult) -> pd.DataFrame:
    """Scripts, worst outcome first and new ones last. Seconds of an arm are its quartiles; None where nothing ran."""
    return _frame([_script(each) for each in worst_first(result)], SCRIPT_COLUMNS)


def rules(script: ScriptCheck) -> pd.DataFrame:
    """Rules of a script, broken ones first, then those that warn; `base` and `head` are in `unit`."""
    ordered = sorted(script.rules, key=lambda each: (not each.guilty, each.outcome != "worse"))
    return _frame([tuple(getattr(each, name) for name in RULE_COLUMNS) for each in ordered], RULE_COLUMNS)


def sites(script: ScriptCheck) -> pd.DataFrame:
    """Functions whose time changed, in the result's order; seconds of one run."""
    return _frame([tuple(getattr(each, name) for name in SITE_COLUMNS) for each in script.sites], SITE_COLUMNS)


def worst_first(result: CheckResult) -> list[ScriptCheck]:
    """Scripts by how bad their outcome is; one without a counterpart in base comes last."""
    return sorted(result.scripts, key=lambda each: (each.new, WORST_FIRST.index(each.outcome)))


def blamed(script: ScriptCheck, found: RuleResult | None = None) -> tuple[str | None, int]:
    """File and line to blame: the function that grew most, else the script itself (None: not in the repository).

    That function is known by its time: it is not blamed for what a rule says about anything else.
    """
    site = script.guilty_site
    timed = found is None or found.rule in TIMED
    return (site.file, site.line) if site is not None and timed else (script.file, 1)


def quartiles_s(runs: Sequence[Run]) -> tuple[float, float, float] | tuple[None, None, None]:
    """Lower quartile, median and upper quartile of the wall time of `runs`; three None without any."""
    if not runs:
        return None, None, None
    low, middle, high = np.quantile([run.wall_s for run in runs], QUARTILES)
    return float(low), float(middle), float(high)


def _script(script: ScriptCheck) -> tuple[object, ...]:
    tested = script.self_test
    return (
        script.name, script.outcome, script.new, script.ratio, script.threshold, script.p_value, len(script.pairs),
        *quartiles_s(script.pairs.base), *quartiles_s(script.pairs.head),
        tested.false_alarm_rate if tested is not None and tested.splits else None, script.spent_s, script.reason,
    )  # fmt: skip


def _frame(rows: Sequence[tuple[object, ...]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Rows under `columns`; object typed, so that a whole number stays one beside a missing figure."""
    return pd.DataFrame(rows, columns=list(columns), dtype=object)
