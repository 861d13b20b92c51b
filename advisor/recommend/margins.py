"""How much a change must bring before it is advised."""

from __future__ import annotations

from advisor.analyse.scaling import amdahl
from advisor.model.advice import Interval, Recommendation
from advisor.model.trial import WorkerMix

MIN_SITE_GAIN = 1.15
"""Less does not pay for a change to the code."""
MIN_TINY_GAIN = 1.5
"""Turns of a loop that are over within microseconds can only be handed out as lists of items, which is a larger change:
it has to bring more."""
MIN_SCRIPT_GAIN = 1.05
"""Less nobody notices when the script runs."""
UNCHANGED = Interval(value=1.0, low=1.0, high=1.0)
"""The speed-up of leaving things as they are."""


def of_script(share: float, speedup: Interval) -> Interval:
    """Amdahl's law on the value and on each end of an interval: the script's speed-up from that of a site."""
    return Interval(
        value=amdahl(share, speedup.value), low=amdahl(share, speedup.low), high=amdahl(share, speedup.high)
    )


def stay(mix: WorkerMix, reason: str, *, measured: bool, decided: bool = True, limit: str = "") -> Recommendation:
    """Leave the site on `mix`, which it runs on today, and say why."""
    return Recommendation(
        mix=mix,
        speedup=UNCHANGED,
        script_speedup=UNCHANGED,
        measured=measured,
        decided=decided,
        reason=reason,
        limit=limit,
    )
