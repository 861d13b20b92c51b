"""The advice as pandas tables, built once and shared by every format for people.

One function a table, one row a thing; column names carry the unit. Figures stay figures here, `words` makes
them text. Shares are in [0, 1]; a figure that was not measured is NaN or None.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

import pandas as pd

from advisor.analyse.statistics import ratio_interval
from advisor.model.ledger import KINDS, Ledger
from advisor.model.trial import SERIAL, Trial, WorkerMix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from advisor.model.advice import Advice, Finding, SiteAdvice

Row = Any
"""A row of one of these tables: its columns are attributes, whose types pandas does not know."""
SEVERITIES = ("error", "warning", "info")  # order of display
PERCENT_STEPS = 1000  # ledger figures are shown in tenths of a percent

SITE_COLUMNS = (
    "id", "callee", "function", "file", "line", "kind", "share", "wall_s", "calls", "bound", "detail", "evidence",
    "safety", "mix", "speedup", "measured", "best",
)  # fmt: skip
TRIAL_COLUMNS = (
    "mix", "backend", "workers", "chunk", "tasks", "repeats", "task_s", "task_low_s", "task_high_s", "startup_s",
    "speedup", "speedup_low", "speedup_high", "cpu_per_task_s", "voluntary_per_task", "involuntary_per_task",
    "ipc_bytes_per_task", "peak_pss_bytes", "outcome", "error", "recommended", "today", "predicted",
)  # fmt: skip
LINE_COLUMNS = ("file", "line", "hits", "time_s", "share", "source", "text")
FINDING_COLUMNS = ("code", "severity", "site", "message", "evidence")
FUNCTION_COLUMNS = ("function", "file", "line", "calls", "complete")


def sites(advice: Advice) -> pd.DataFrame:
    """Hot sites in the order of the advice: the one that takes most time first, an outer one before its inner ones."""
    found = [_site_row(entry, entry.site.id == advice.best) for entry in advice.sites]
    return _frame(found, SITE_COLUMNS)


def trials(entry: SiteAdvice) -> pd.DataFrame:
    """Trials of a site, fewest workers first. Task counts differ from trial to trial, so figures are per task.

    `task_s` is the wall time of a repeat, pool warm, over its tasks (median, lowest, highest); speed-ups are against
    `baseline_trial`.
    """
    base = baseline_trial(entry)
    return _frame([_trial_row(trial, base, entry) for trial in ordered(entry.trials)], TRIAL_COLUMNS)


def ordered(found: Sequence[Trial]) -> list[Trial]:
    """Trials as tables have them: fewest workers first, then fewest processes, then the smallest chunk."""
    return sorted(found, key=lambda trial: (trial.mix.workers, trial.mix.processes, trial.mix.chunk))


def lines(entry: SiteAdvice) -> pd.DataFrame:
    """Source lines of a site, the one that takes most time first."""
    found = [tuple(getattr(line, column) for column in LINE_COLUMNS) for line in entry.site.lines]
    return _frame(found, LINE_COLUMNS).sort_values("share", ascending=False, kind="stable", ignore_index=True)


def ledger(split: Ledger, wall_s: float) -> pd.DataFrame:
    """Kinds of time that occur, in the ledger's order: `share`, `seconds`, and `percent` adding up to 100.0."""
    shares = [(kind, getattr(split, kind)) for kind in KINDS]
    percents = _percents([share for _, share in shares])
    every = [(kind, share, share * wall_s, shown) for (kind, share), shown in zip(shares, percents, strict=True)]
    return _frame([row for row in every if row[-1]], ("kind", "share", "seconds", "percent"))


def findings(advice: Advice, *, tried: bool = False) -> pd.DataFrame:
    """Findings of the whole run and of each site, gravest first, each said once; `site` is None for the run's.

    `tried` leaves out the sites the advice does not rest on: neither the best one nor one with trials.
    """
    if tried:
        kept = tuple(entry for entry in advice.sites if entry.trials or entry is advice.best_site)
        advice = replace(advice, sites=kept)
    seen = {(finding.code, finding.message): (site, finding) for site, finding in reversed(list(_findings(advice)))}
    found = [(each.code, each.severity, site, each.message, each.evidence) for site, each in reversed(seen.values())]
    found.sort(key=lambda row: SEVERITIES.index(row[1]))
    return _frame(found, FINDING_COLUMNS)


def functions(advice: Advice) -> pd.DataFrame:
    """Functions by how often they ran (cProfile, run 2), most often first."""
    found = [(each.function, each.file, each.line, each.calls, each.complete) for each in advice.functions]
    return _frame(found, FUNCTION_COLUMNS).sort_values("calls", ascending=False, kind="stable", ignore_index=True)


def rows(table: pd.DataFrame) -> list[Row]:
    """The rows of a table, each column an attribute."""
    return list(table.itertuples(index=False))


def baseline_trial(entry: SiteAdvice) -> Trial | None:
    """The trial every speed-up of the site is against: the pool it uses today, else serial."""
    return next((trial for trial in entry.trials if trial.ok and same_workers(trial.mix, today_mix(entry))), None)


def today_mix(entry: SiteAdvice) -> WorkerMix:
    """What the script runs the site on today."""
    recorded = entry.site.recorded
    return recorded.current if recorded is not None and recorded.current is not None else SERIAL


def _site_row(entry: SiteAdvice, best: bool) -> tuple[object, ...]:
    site, advised = entry.site, entry.recommendation
    decided = advised is not None and advised.decided
    return (
        site.id, site.callee, site.function, site.file, site.line, site.kind, site.share, site.wall_s, site.calls,
        site.bound.bound, site.bound.detail, site.bound.evidence, site.safety.status,
        str(advised.mix) if advised is not None and decided else None,
        advised.speedup.value if advised is not None and decided else None,
        advised.measured if advised is not None else False, best,
    )  # fmt: skip


def _trial_row(trial: Trial, base: Trial | None, entry: SiteAdvice) -> tuple[object, ...]:
    advised = entry.recommendation
    tasks = max(trial.tasks, 1)
    samples = [each / tasks for each in trial.wall_s] or [float("nan")]
    counts = (trial.cpu_s, trial.voluntary_switches, trial.involuntary_switches, trial.ipc_bytes)
    return (
        str(trial.mix), trial.mix.backend, trial.mix.workers, trial.mix.chunk, trial.tasks, len(trial.wall_s),
        median(samples), min(samples), max(samples), trial.startup_s, *_speedup(trial, base),
        *(count / tasks for count in counts), trial.peak_pss_bytes, trial.outcome, trial.error,
        advised is not None and advised.decided and trial.mix == advised.mix,
        same_workers(trial.mix, today_mix(entry)),
        next((each.predicted for each in entry.predictions if each.mix == trial.mix), None),
    )  # fmt: skip


def _speedup(trial: Trial, base: Trial | None) -> tuple[float | None, float | None, float | None]:
    """Seconds per task of `base` over those of `trial`, with its 95% interval; Nones where either has none."""
    if base is None or not trial.ok or min(trial.wall_s) <= 0:
        return None, None, None
    if trial is base:
        return 1.0, None, None
    found = ratio_interval([each / base.tasks for each in base.wall_s], [each / trial.tasks for each in trial.wall_s])
    return found.value, found.low, found.high


def same_workers(one: WorkerMix, other: WorkerMix) -> bool:
    """True where both run on the same workers, whatever their chunk."""
    return replace(one, chunk=1) == replace(other, chunk=1)


def _findings(advice: Advice) -> Iterator[tuple[str | None, Finding]]:
    yield from ((entry.site.id, finding) for entry in advice.sites for finding in entry.findings)
    yield from ((None, finding) for finding in advice.findings)


def _percents(shares: list[float]) -> list[float]:
    """Shares as percents of one decimal that add up to exactly 100 (largest remainders are rounded up)."""
    total = sum(shares)
    if total <= 0:
        return [0.0] * len(shares)
    exact = [share / total * PERCENT_STEPS for share in shares]
    steps = [int(each) for each in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: steps[index] - exact[index])
    for index in by_remainder[: PERCENT_STEPS - sum(steps)]:
        steps[index] += 1
    return [each * 100 / PERCENT_STEPS for each in steps]


def _frame(rows: Sequence[tuple[object, ...]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Rows under `columns`; object typed, so that a whole number stays one beside a missing figure."""
    return pd.DataFrame(rows, columns=list(columns), dtype=object)
