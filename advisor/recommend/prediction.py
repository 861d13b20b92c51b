"""Advice where no trial could be run: from the ledger of run 1, and marked so."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.analyse.choice import call_s, longest_s, too_short_a_row
from advisor.analyse.safety import one_place
from advisor.analyse.scaling import MAX_WORKERS, amdahl, best_predicted, predict
from advisor.analyse.shared import shared_state
from advisor.model.advice import Interval, Recommendation
from advisor.model.machine import Machine
from advisor.model.site import Site
from advisor.model.trial import SERIAL, Backend, WorkerMix
from advisor.recommend.margins import MIN_SCRIPT_GAIN, MIN_SITE_GAIN, of_script, stay

ERROR = 0.30
"""Relative error granted to a predicted speed-up: the bottleneck law knows the stations of run 1 and nothing of caches,
memory bandwidth or a server's own limits."""
STARTUP_S: dict[Backend, float] = {"serial": 0.0, "threads": 2e-4, "processes": 0.02, "hybrid": 0.02}
"""Seconds to start one worker of a pool, charged to the job (fork of a small interpreter)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest pools that the user allows."""

    threads: int = MAX_WORKERS
    processes: int = MAX_WORKERS


NO_LIMITS = Limits()


def predicted(site: Site, machine: Machine, script_wall_s: float, limits: Limits = NO_LIMITS) -> Recommendation:
    """What to run `site` on by the bottleneck law, with an error of 30% either way; `measured` is False.

    `script_wall_s` is run 1's wall time, which start-up has to be paid out of. Where run 1 cannot name what limits
    the site, the answer is left open.
    """
    recorded = site.recorded
    today = recorded.current if recorded is not None and recorded.current is not None else SERIAL
    changed = shared_state(recorded).changed if recorded is not None else ()
    if changed:
        return stay(today, f"the calls change {', '.join(changed)}, which others would see half done", measured=False)
    crowded = one_place(recorded) if recorded is not None else ()
    if crowded:
        return stay(today, "; ".join(crowded), measured=False)
    if site.bound.bound == "unknown" or recorded is None or not site.calls:
        return stay(
            today,
            f"nothing could be tried, and run 1 does not tell enough: {site.bound.evidence}",
            measured=False,
            decided=False,
        )
    if not (recorded.in_loop or recorded.kind == "pool"):
        return stay(
            today,
            "its calls come one at a time from different places, so there is no row of them to share out",
            measured=False,
        )
    if too_short_a_row(site):
        row_ms = site.at_once * call_s(site) * 1e3
        why = f"only {site.at_once} of its calls can be under way at once, and they are over in {row_ms:.1f} ms"
        return stay(today, why, measured=False)
    mix, speedup = best_predicted(
        site.ledger,
        machine,
        site.at_once,
        task_s=call_s(site),
        sendable=recorded.pickle_error is None and site.safety.workers != "threads",
        max_workers=limits.threads if site.safety.workers != "processes" else 1,
        max_processes=limits.processes,
        longest_s=longest_s(site),
        child_cpus=site.child_cpus,
        error=ERROR,
    )
    before = predict(
        site.ledger, today, machine, site.at_once, task_s=call_s(site), longest_s=longest_s(site),
        child_cpus=site.child_cpus,
    )  # fmt: skip
    return _weighed(site, mix, _gain(site.share * script_wall_s, mix, speedup / before), today)


def _gain(site_s: float, mix: WorkerMix, ratio: float) -> float:
    """Expected gain over today's mix, with the start of the pool paid from the site's `site_s` seconds."""
    starters = mix.processes if mix.processes > 1 else mix.workers
    return site_s / (site_s / ratio + starters * STARTUP_S[mix.backend]) if site_s > 0 else 1.0


def _weighed(site: Site, mix: WorkerMix, gain: float, today: WorkerMix) -> Recommendation:
    script = amdahl(site.share, gain) if gain > 0 else 0.0
    if mix == today or gain < MIN_SITE_GAIN or script < MIN_SCRIPT_GAIN:
        return stay(
            today, f"no mix is predicted to gain {MIN_SITE_GAIN}x or more: it {site.bound.evidence}", measured=False
        )
    speedup = Interval(value=gain, low=gain * (1 - ERROR), high=gain * (1 + ERROR))
    return Recommendation(
        mix=mix,
        speedup=speedup,
        script_speedup=of_script(site.share, speedup),
        measured=False,
        reason=site.bound.evidence,
    )
