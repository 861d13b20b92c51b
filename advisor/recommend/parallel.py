"""Findings on scripts that run several things at once: lock convoys (ADV102) and blocked event loops (ADV103)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from advisor.analyse import source
from advisor.analyse.bound import WORDS
from advisor.analyse.convoy import Convoy
from advisor.analyse.eventloop import Blocking
from advisor.model.advice import Finding, Recommendation, SiteAdvice
from advisor.model.machine import Machine
from advisor.model.site import Bound, Site

DEFAULT_EXECUTOR_EXTRA = 4
DEFAULT_EXECUTOR_MOST = 32
"""`asyncio.to_thread` uses the loop's default executor: min(32, CPUs + 4) threads (`concurrent.futures` docs)."""


def explained(sites: Sequence[Site], convoys: Sequence[Convoy]) -> tuple[Site, ...]:
    """The sites, those that wait for locks with the lock that it is."""
    return tuple(_explained(site, convoys) for site in sites)


def _explained(site: Site, convoys: Sequence[Convoy]) -> Site:
    held = site.bound.bound in ("lock-wait", "mixed") and site.bound.detail == "lock"
    convoy = next((each for each in convoys if held and _is_in(each, site)), None)
    if convoy is None:
        return site
    evidence = f"queues for `{convoy.lock}` ({_at(convoy.file, convoy.line)}) {site.ledger.lock:.0%} of its time"
    return replace(site, bound=Bound(bound=site.bound.bound, detail="lock", evidence=evidence))


def with_findings(
    entries: Sequence[SiteAdvice], convoys: Sequence[Convoy], blocked: Sequence[Blocking], machine: Machine
) -> tuple[tuple[SiteAdvice, ...], tuple[Finding, ...]]:
    """The sites with the findings that belong to one, each once, and the findings that belong to none."""
    given: dict[str, list[Finding]] = {}
    loose: list[Finding] = []
    for convoy in convoys:
        entry = next((entry for entry in entries if _is_in(convoy, entry.site)), None)
        (given.setdefault(entry.site.id, []) if entry is not None else loose).append(_convoy(convoy))
    for block in blocked:
        entry = next((entry for entry in entries if _is_at(block, entry.site)), None)
        finding = _blocking(block, entry, machine)
        (given.setdefault(entry.site.id, []) if entry is not None else loose).append(finding)
    return tuple(_with(entry, given.get(entry.site.id, [])) for entry in entries), tuple(loose)


def with_lock(verdict: str, convoys: Sequence[Convoy]) -> str:
    """The verdict, and the lock that most time is lost at, where it does not name that already."""
    if not convoys or _at(convoys[0].file, convoys[0].line) in verdict:
        return verdict
    return f"{verdict} {_queue(convoys[0])} (ADV102)."


def _queue(convoy: Convoy) -> str:
    place = f"`{convoy.lock}` ({_at(convoy.file, convoy.line)})"
    return f"{convoy.threads} threads queue for {place} {convoy.share:.0%} of their time"


def _with(entry: SiteAdvice, found: Sequence[Finding]) -> SiteAdvice:
    findings = sorted((*found, *entry.findings), key=lambda finding: finding.code)
    return replace(entry, findings=tuple(findings))


def _is_in(convoy: Convoy, site: Site) -> bool:
    """True where the lock is taken at the site's own line or in the function that it calls."""
    if convoy.file == site.file and convoy.line == site.line:
        return True
    recorded = site.recorded
    if recorded is None or recorded.callee_file != convoy.file or recorded.callee_line is None:
        return False
    return convoy.line in source.function_lines(convoy.file, recorded.callee_line)


def _is_at(block: Blocking, site: Site) -> bool:
    last = site.recorded.end_line if site.recorded is not None else site.line
    return block.file == site.file and site.line <= block.line <= last and site.kind == "call"


def _convoy(convoy: Convoy) -> Finding:
    message = (
        f"{_queue(convoy)}, {convoy.waiting:.1f} at once: do under the lock only what needs it, or give each thread "
        "data of its own and join it at the end"
    )
    return Finding(
        code="ADV102",
        severity="warning",
        message=message,
        evidence={
            "lock": convoy.lock, "file": convoy.file, "line": convoy.line, "function": convoy.function,
            "threads": convoy.threads, "wait_s": convoy.wait_s, "share": convoy.share,
            "waiting_threads": convoy.waiting,
        },
    )  # fmt: skip


def _blocking(block: Blocking, entry: SiteAdvice | None, machine: Machine) -> Finding:
    recorded = entry.site.recorded if entry is not None else None
    calls = recorded.calls if recorded is not None else None
    waiting = recorded.loop_waiting if recorded is not None else None
    name = f"`{block.callee}`" if block.callee else "the code"
    each = f", {block.wall_s / calls * 1e3:,.0f} ms a call" if calls else ""
    waited = f", while {waiting:.1f} tasks on average could have run" if waiting is not None else ""
    message = (
        f"{name} ({_at(block.file, block.line)}) blocks the event loop in `{block.function}` for {block.wall_s:.2f} s, "
        f"{block.share:.0%} of the run{each}{waited}: it {WORDS[block.mostly]}; {_cure(block, entry, machine)}"
    )
    return Finding(
        code="ADV103",
        severity="warning",
        message=message,
        evidence={
            "callee": block.callee, "file": block.file, "line": block.line, "function": block.function,
            "wall_s": block.wall_s, "share": block.share, "calls": calls, "waiting_tasks": waiting,
            "mostly": block.mostly,
        },
    )  # fmt: skip


def _cure(block: Blocking, entry: SiteAdvice | None, machine: Machine) -> str:
    sleeps = block.callee.rpartition(".")[2] == "sleep"
    own = "await asyncio.sleep instead, or " if sleeps else ""
    recommendation = entry.recommendation if entry is not None else None
    if recommendation is None:
        return f"{own}await asyncio.to_thread({block.callee}, ...)" if block.callee else "move it into a function"
    if recommendation.mix.backend == "threads":
        return f"{own}await asyncio.to_thread({block.callee}, ...), {_gain(recommendation, machine)}"
    if recommendation.mix.backend in ("processes", "hybrid"):
        return (
            "await loop.run_in_executor(pool, ...) with a concurrent.futures.ProcessPoolExecutor"
            f"({recommendation.mix.processes}), {_gain(recommendation, machine)}"
        )
    known = "measured" if recommendation.measured else "expected"
    return (
        f"{own}asyncio.to_thread would let other tasks run meanwhile, yet no gain in speed is {known} of more workers"
    )


def _gain(recommendation: Recommendation, machine: Machine) -> str:
    mix, known = recommendation.mix, "measured" if recommendation.measured else "predicted"
    text = f"{mix.workers} at a time: {known} {recommendation.speedup.value:.1f}x"
    default = min(DEFAULT_EXECUTOR_MOST, machine.cpus + DEFAULT_EXECUTOR_EXTRA)
    if mix.backend == "threads" and mix.workers > default:
        text += (
            f" (more than the {default} threads of the loop's default executor: "
            f"loop.set_default_executor(ThreadPoolExecutor({mix.workers})))"
        )
    return text


def _at(file: str, line: int) -> str:
    return f"{PurePath(file).name}:{line}"
