"""The rules beside seconds: what a change did to memory, switches, bound, GIL, pickling, scaling and pools."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from advisor.gate.compare import compare_typical
from advisor.model.advice import Interval
from advisor.model.check import Pairs, RuleName, RuleOutcome, RuleResult, Run
from advisor.model.checkplan import CheckedScript, Rule
from advisor.model.ledger import WAIT_KINDS
from advisor.model.shape import Profile, Shape, SitePool
from advisor.model.trial import WorkerMix

CHANCE = 0.005
"""Chance below which figures of pairs differ: five pairs without an overlap just reach it (1/252)."""
LEAST_APART = 5
"""Figures an arm that must not overlap where there are only few of them, for the same reason."""
LEAST_MEMORY_BYTES = 5 << 20
"""Growth of memory that nobody needs to hear of: allocators round by as much."""
LEAST_SWITCHES_PER_S = 200.0
"""Context switches a second that cost next to nothing: at 2-5 us each (lmbench's figure for current machines), 0.1%."""
LEAST_PICKLED_BYTES = 10_000
"""Growth of a task's pickles that is lost beside the cost of handing it out (about 0.1 ms)."""
NOTABLE_SHIFT = 0.01
"""Change of a share below which it is not worth a word what kind of wait it is."""
CODES: dict[RuleName, str] = {
    "time": "ADV501", "memory": "ADV502", "switches": "ADV503", "bound": "ADV504", "gil": "ADV505",
    "pickled": "ADV506", "scaling": "ADV507", "pool": "ADV508",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the rules look at: the undisturbed runs, and the shape of each arm."""

    pairs: Pairs
    base: Shape
    head: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One figure of both arms under a rule. `sure` is False where it may be chance; `what` says it in words."""

    base: float
    head: float
    unit: str
    what: str
    change: float
    sure: bool = True
    ratio: Interval | None = None
    samples: int = 1


def broken_rules(script: CheckedScript, evidence: Evidence) -> tuple[RuleResult, ...]:
    """What each rule says that is on and has figures; that of time is not among them."""
    return tuple(_results(script, evidence))


def _results(script: CheckedScript, evidence: Evidence) -> Iterator[RuleResult]:
    for name, look in _LOOKS.items():
        rule = script.rules.of(name)
        found = look(evidence, script) if rule is not None else None
        if rule is not None and found is not None:
            yield _judged(name, rule, found)


def _judged(name: RuleName, rule: Rule, found: Found) -> RuleResult:
    outcome: RuleOutcome = "ok"
    if abs(found.change) >= rule.threshold:
        outcome = "unknown" if not found.sure else "worse" if found.change > 0 else "better"
    return RuleResult(
        rule=name, code=CODES[name], outcome=outcome, level=rule.level, message=found.what,
        threshold=limit_words(name, rule.threshold), unit=found.unit, base=found.base, head=found.head,
        ratio=found.ratio, samples=found.samples,
    )  # fmt: skip


def limit_words(name: RuleName, threshold: float) -> str:
    """A rule's limit for people: "20%", "20 points", "2x"."""
    if name == "pool":
        return f"{threshold:g}x"
    return f"{100 * threshold:g} points" if name in {"bound", "gil"} else f"{100 * threshold:g}%"


def _memory(evidence: Evidence, _script: CheckedScript) -> Found | None:
    """Peak memory: of the largest process, or of all where there are several (seen in the observed runs)."""
    profiles = (evidence.base.profiles, evidence.head.profiles)
    if all(profiles) and any(profile.processes > 1 for arm in profiles for profile in arm):
        base, head = ([float(each.peak_pss_bytes) for each in arm] for arm in profiles)
        what = f"all processes together peak at {_size(median(head))}, {_size(median(base))} before"
        grown = median(head) - median(base)
        apart = min(head) > max(base) if grown > 0 else max(head) < min(base)
        ratio, samples = None, min(len(base), len(head))
        sure = apart and samples >= LEAST_APART
    else:
        compared = _compared(evidence.pairs, lambda run: float(run.peak_rss_bytes))
        if compared is None:
            return None
        base, head, ratio, sure = compared
        what = f"peaks at {_size(median(head))}, {_size(median(base))} before"
        grown, samples = median(head) - median(base), len(base)
    if not min(*base, *head):
        return None
    change = _grown(median(base), median(head)) if abs(grown) >= LEAST_MEMORY_BYTES else 0.0
    return Found(
        base=median(base), head=median(head), unit="B", what=what, change=change, sure=sure, ratio=ratio,
        samples=samples,
    )  # fmt: skip


def _switches(evidence: Evidence, _script: CheckedScript) -> Found | None:
    """Context switches: a task where both arms' tasks are counted, a run else."""
    compared = _compared(evidence.pairs, lambda run: float(run.voluntary_switches + run.involuntary_switches))
    if compared is None:
        return None
    base, head, ratio, sure = compared
    seconds = median(run.wall_s for run in evidence.pairs.head)
    few = max(median(base), median(head)) < LEAST_SWITCHES_PER_S * seconds
    tasks = [_tasks(shape) for shape in (evidence.base, evidence.head)]
    per, before, after = "a run", median(base), median(head)
    if all(tasks):
        per, before, after = "a task", before / tasks[0], after / tasks[1]
    change = 0.0 if few else _grown(before, after)
    what = f"{after:,.4g} context switches {per}, {before:,.4g} before"
    return Found(
        base=before, head=after, unit=f"switches {per}", what=what, change=change, sure=sure,
        ratio=ratio if per == "a run" else None, samples=len(base),
    )  # fmt: skip


def _bound(evidence: Evidence, _script: CheckedScript) -> Found | None:
    """How much of the thread time that tells of the script (no queueing for a CPU) is spent waiting."""
    shares = [_shares(arm.profiles, _waiting) for arm in (evidence.base, evidence.head)]
    if not all(shares):
        return None
    before, after = (fmean(arm) for arm in shares)
    kind = max(WAIT_KINDS, key=lambda kind: abs(_mean_share(evidence.head, kind) - _mean_share(evidence.base, kind)))
    what = f"waits {after:.0%} of its time, {before:.0%} before"
    if abs(after - before) >= NOTABLE_SHIFT:
        what += f"; most of the difference is {_WAITS[kind]}"
    sure = min(shares[1]) > max(shares[0]) or max(shares[1]) < min(shares[0])
    return Found(
        base=before, head=after, unit="share", what=what, change=after - before, sure=sure,
        samples=min(map(len, shares)),
    )  # fmt: skip


def _gil(evidence: Evidence, _script: CheckedScript) -> Found | None:
    shares = [_shares(arm.profiles, lambda profile: profile.ledger.gil) for arm in (evidence.base, evidence.head)]
    if not all(shares):
        return None
    before, after = (fmean(arm) for arm in shares)
    sure = min(shares[1]) > max(shares[0]) or max(shares[1]) < min(shares[0])
    what = f"threads wait for the GIL {after:.0%} of their time, {before:.0%} before"
    return Found(
        base=before, head=after, unit="share", what=what, change=after - before, sure=sure,
        samples=min(map(len, shares)),
    )  # fmt: skip


def _pickled(evidence: Evidence, _script: CheckedScript) -> Found | None:
    for base, head in _same_sites(evidence):
        if base.pickled_bytes is not None and head.pickled_bytes is not None:
            grown = head.pickled_bytes - base.pickled_bytes
            change = _grown(max(1.0, base.pickled_bytes), head.pickled_bytes) if grown >= LEAST_PICKLED_BYTES else 0.0
            what = f"a task of `{head.callee}` pickles {_size(head.pickled_bytes)}, {_size(base.pickled_bytes)} before"
            return Found(base=base.pickled_bytes, head=head.pickled_bytes, unit="B a task", what=what, change=change)
    return None


def _scaling(evidence: Evidence, script: CheckedScript) -> Found | None:
    """The speed-up over serial at the configured mix, or at that of today."""
    for base, head in _same_sites(evidence):
        mix = script.mix or base.current
        before, after = (_speedup(site, mix) for site in (base, head))
        if mix is not None and before is not None and after is not None:
            what = f"`{head.callee}` runs {after[1]:.2f}x as fast on {mix} as serially, {before[1]:.2f}x before"
            sure = after[2] < before[0] or after[0] > before[2]
            return Found(base=before[1], head=after[1], unit="x", what=what, change=1 - after[1] / before[1], sure=sure)
    return None


def _pool(evidence: Evidence, script: CheckedScript) -> Found | None:
    """How far today's workers are from the advised ones; what base has as well is no change.

    Where a pool is flat in its workers, advice on equal arms may differ by a factor of two: workers that are the same
    in both count only where base was within the limit. Where base has a pool and its advice is open, there is no
    telling.
    """
    rule = script.rules.pool
    for base, head in _same_sites(evidence):
        off = _off(head)
        had_pool = base.current is not None and base.current.workers > 1
        undecided = had_pool and base.advised is None  # then nobody knows whether base's pool was as far off
        if off is not None and not undecided and head.current is not None and head.advised is not None:
            before = _off(base) or 1.0
            what = f"`{head.callee}` runs on {head.current}; advised: {head.advised}"
            was_far = base.current == head.current and rule is not None and before >= rule.threshold
            change = off if off > before and not was_far else 0.0
            return Found(base=before, head=off, unit="x", what=what, change=change)
    return None


def _off(site: SitePool) -> float | None:
    """Today's workers over the advised ones, or the reverse where those are more."""
    if site.current is None or site.advised is None:
        return None
    ratio = site.current.workers / site.advised.workers
    return max(ratio, 1 / ratio)


def _speedup(site: SitePool, mix: WorkerMix | None) -> tuple[float, float, float] | None:
    """(low, value, high) of the trials under `mix`, whatever their chunk."""
    if mix is None:
        return None
    same = (mix.backend, mix.processes, mix.threads_per_process)
    for tried, speedup in site.speedups.items():
        if (tried.backend, tried.processes, tried.threads_per_process) == same:
            return speedup
    return None


def _same_sites(evidence: Evidence) -> Iterator[tuple[SitePool, SitePool]]:
    """Sites that both arms have, by callee and file, in head's order."""
    before = {(site.file, site.callee): site for site in evidence.base.pools}
    for site in evidence.head.pools:
        if (site.file, site.callee) in before:
            yield before[site.file, site.callee], site


def _tasks(shape: Shape) -> int:
    """Calls of the pool that the script has today; 0 where it has none."""
    return next((site.calls for site in shape.pools if site.current is not None and site.calls), 0)


def _compared(pairs: Pairs, figure: Callable[[Run], float]) -> tuple[list[float], list[float], Interval, bool] | None:
    """A figure of both arms, its ratio, and whether the difference is more than chance; None without runs."""
    base, head = ([figure(run) for run in arm] for arm in (pairs.base, pairs.head))
    if not base or min(*base, *head) <= 0:
        return None
    compared = compare_typical(base, head)
    return base, head, compared.ratio, min(compared.p_slower, compared.p_faster) <= CHANCE


def _shares(profiles: Sequence[Profile], share: Callable[[Profile], float]) -> list[float]:
    return [share(profile) for profile in profiles if profile.ledger.total > 0]


def _waiting(profile: Profile) -> float:
    told = profile.ledger.cpu + profile.ledger.wait
    return profile.ledger.wait / told if told > 0 else 0.0


def _mean_share(shape: Shape, kind: str) -> float:
    return fmean(getattr(profile.ledger, kind) for profile in shape.profiles)


def _grown(base: float, head: float) -> float:
    return head / base - 1 if base > 0 else 0.0


def _size(count: float) -> str:
    for limit, unit, digits in ((1e9, "GB", 2), (1e6, "MB", 1), (1e3, "kB", 1)):
        if count >= limit:
            return f"{count / limit:.{digits}f} {unit}"
    return f"{count:.0f} B"


_WAITS = {
    "network": "waiting for the network", "disk": "waiting for the disk", "sleep": "sleep",
    "child": "waiting for child processes", "pipe": "waiting for pipes",
}  # fmt: skip
_LOOKS: dict[RuleName, Callable[[Evidence, CheckedScript], Found | None]] = {
    "memory": _memory, "switches": _switches, "bound": _bound, "gil": _gil, "pickled": _pickled,
    "scaling": _scaling, "pool": _pool,
}  # fmt: skip
