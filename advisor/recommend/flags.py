"""Findings about one site: what limits it today and whether its calls may run side by side (ADV1xx, ADV3xx)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from advisor.analyse.bound import nature_of
from advisor.analyse.safety import NO_TASKS
from advisor.analyse.shared import is_random
from advisor.model.advice import Finding, Recommendation, Severity
from advisor.model.machine import Machine
from advisor.model.site import Site
from advisor.model.trial import SERIAL, Trial
from advisor.recommend.balance import current_mix
from advisor.recommend.overhead import overhead_findings
from advisor.recommend.trust import busy_machine, module_names, not_representative, representative

STANDS_STILL = 0.5
"""A trial that timed out with less than this part of serial's CPU time for the same tasks was not slow: it waited."""
QUIET_S = 0.1
"""Nor was one that computed less than this in all its time: a pool's start takes a tenth of it. What serial computes is
no measure where serial itself waits."""
STANDS_TOLD = 3
GIL_BOUND_PYTHON = 0.5
"""Part of a task that is Python code from which on the GIL caps threads at two."""


def site_findings(
    site: Site, trials: Sequence[Trial], recommendation: Recommendation, machine: Machine
) -> tuple[Finding, ...]:
    """Every coded remark about one site, in the order of the codes."""
    found = (
        *_gil_threads(site, machine),
        *(overhead_findings(site, trials, recommendation, machine) if representative(site, trials) else ()),
        *_safety(site),
        *_random_state(site),
        *_outcomes(trials),
        *_unsendable(site),
        *not_representative(site, trials),
        *module_names(site, trials),
        *busy_machine(site, trials, machine),
    )
    return tuple(sorted(found, key=lambda finding: finding.code))


def _gil_threads(site: Site, machine: Machine) -> Iterable[Finding]:
    """ADV101: threads today, Python on the CPU, one GIL."""
    mix, python = current_mix(site), nature_of(site.ledger).get("python", 0.0)
    if machine.gil and mix.threads_per_process > 1 and python >= GIL_BOUND_PYTHON:
        yield _finding(
            "ADV101",
            "warning",
            f"{mix} run Python code, which holds the GIL: one of them works while the others queue",
            threads=mix.threads_per_process,
            python_share=round(python, 3),
            gil_wait_share=round(site.ledger.gil, 3),
        )


def _safety(site: Site) -> Iterable[Finding]:
    """ADV301, ADV302, ADV303: why calls were not run side by side, or not again."""
    reasons = list(site.safety.reasons)
    told = "; ".join(reasons)
    match site.safety.status:
        case "dependent":
            yield _finding("ADV301", "warning", f"each call needs the one before it: {told}", reasons=reasons)
        case "unsafe" if not set(NO_TASKS).intersection(reasons):
            yield _finding("ADV302", "warning", f"calls change what they share: {told}", reasons=reasons)
        case "withheld":
            message = f"not replayed, because {told}; the advice is predicted, not measured"
            yield _finding("ADV303", "info", message, reasons=reasons)
        case _:
            return


def _random_state(site: Site) -> Iterable[Finding]:
    """ADV306: calls draw from a global random generator."""
    names = [name for name in site.recorded.mutated if is_random(name)] if site.recorded is not None else []
    if names:
        message = (
            f"calls draw from {', '.join(names)}: threads share one stream in no fixed order, forked workers repeat "
            "each other's; give each task a generator of its own, as random.Random(task_number)"
        )
        yield _finding("ADV306", "warning", message, names=names)


def _outcomes(trials: Sequence[Trial]) -> Iterable[Finding]:
    """ADV304, ADV305: mixes that gave other results, or never came to an end."""
    serial_clean = all(trial.mismatches == 0 for trial in trials if trial.mix == SERIAL)
    wrong = [trial for trial in trials if trial.outcome == "wrong_result"] if serial_clean else []
    for trial in wrong[:1]:
        message = (
            f"results differ on {trial.mix} ({trial.mismatches} of {trial.tasks}), while serial gave the recorded ones"
        )
        yield _finding(
            "ADV304",
            "error",
            message,
            mix=str(trial.mix),
            mismatches=trial.mismatches,
            tasks=trial.tasks,
            mixes=len(wrong),
        )
    serial = next((trial for trial in trials if trial.mix == SERIAL and trial.ok), None)
    if serial is not None and serial.mismatches and any(trial.mix != SERIAL for trial in trials):
        yield _finding(
            "ADV304",
            "info",
            f"replayed one after the other, {serial.mismatches} results of {serial.tasks} are not those of the script: "
            "they hold a time or random figures, or the order of the calls matters; a race would not be noticed",
            mix=str(SERIAL),
            mismatches=serial.mismatches,
            tasks=serial.tasks,
        )
    hung = [trial for trial in trials if trial.outcome == "timed_out" and trial.mix != SERIAL]
    for trial in hung[:1]:
        still = trial.cpu_s < max(QUIET_S, STANDS_STILL * _serial_s(trials, trial.tasks))
        why = "its threads stand still, as in a deadlock" if still else "a deadlock, or far slower than serial"
        stood = [asdict(stand) for stand in trial.stacks]
        message = f"{trial.mix} did not finish {trial.tasks} tasks in the time given: {why}{_standing(trial)}"
        yield _finding(
            "ADV305", "error" if still else "warning", message, mix=str(trial.mix), tasks=trial.tasks, mixes=len(hung),
            cpu_s=trial.cpu_s, stacks=stood,
        )  # fmt: skip


def _serial_s(trials: Sequence[Trial], tasks: int) -> float:
    """CPU seconds that so many tasks take one after the other, 0 where that is not known."""
    serial = next((trial for trial in trials if trial.mix == SERIAL and trial.ok), None)
    return serial.cpu_s / serial.tasks * tasks if serial is not None else 0.0


def _standing(trial: Trial) -> str:
    """Where its threads stood, the most crowded places first."""
    told = [
        f"{stand.threads} in `{stand.function}` ({PurePath(stand.file).name}:{stand.line}"
        f"{f', inside {stand.inside}' if stand.inside else ''})"
        for stand in trial.stacks[:STANDS_TOLD]
    ]
    return f"; of its threads {', '.join(told)}" if told else ""


def _unsendable(site: Site) -> Iterable[Finding]:
    """ADV307: arguments or callee cannot be pickled, or what they use must not be inherited."""
    error = site.recorded.pickle_error if site.recorded is not None else None
    if error is not None:
        yield _finding("ADV307", "info", f"the calls cannot be sent to another process: {error}", error=error)
    for name in site.safety.opened:
        message = (
            f"other processes may not use {name}: SQLite forbids carrying an open connection over a fork, as that may "
            "corrupt the database; each worker must open its own (initializer=)"
        )
        yield _finding("ADV307", "info", message, connection=name)


def _finding(code: str, severity: Severity, message: str, **evidence: Any) -> Finding:  # noqa: ANN401  # JSON values
    return Finding(code=code, severity=severity, message=message, evidence=evidence)
