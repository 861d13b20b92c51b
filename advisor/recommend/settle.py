"""When more repeats would not change the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from advisor.model.machine import Machine
from advisor.model.site import Site
from advisor.model.trial import Trial
from advisor.recommend.balance import recommend

NARROW = 0.10
"""A speed-up known to within this much either way is told well enough to act on."""


def settled(site: Site, trials: Sequence[Trial], machine: Machine, *, script_wall_s: float) -> bool:
    """True where the trials decide on a mix and its speed-up is known to within 10%.

    Of calls that share what they change: on the mix they could have after a change.
    """
    site = replace(site, safety=site.safety.freed) if site.safety.limited else site
    answer = recommend(site, trials, machine, script_wall_s=script_wall_s)
    width = answer.speedup.high - answer.speedup.low
    return answer.decided and answer.measured and width <= 2 * NARROW * answer.speedup.value
