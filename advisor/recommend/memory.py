"""Whether a mix fits into memory."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.model.machine import Machine
from advisor.model.trial import Trial

USABLE_SHARE = 0.8
"""Part of the memory free at the start that a mix may fill: the rest is for the file cache and for larger inputs."""


def fits(trial: Trial, trials: Sequence[Trial], machine: Machine) -> bool:
    """True where the mix's peak leaves a fifth of the free memory, or where nothing is known of it."""
    peak_bytes = peak_pss_bytes(trial, trials)
    return peak_bytes is None or machine.available_bytes <= 0 or peak_bytes <= USABLE_SHARE * machine.available_bytes


def peak_pss_bytes(trial: Trial, trials: Sequence[Trial]) -> int | None:
    """Peak memory of a mix, None where no mix of its backend was weighed.

    Measured, or a measured one of the same backend scaled up by processes: an upper bound, as shared pages count once.
    """
    if trial.peak_pss_bytes is not None:
        return trial.peak_pss_bytes
    weighed = [
        (other.peak_pss_bytes, other.mix.processes)
        for other in trials
        if other.peak_pss_bytes is not None and other.mix.backend == trial.mix.backend
    ]
    if not weighed:
        return None
    peak_bytes, processes = max(weighed, key=lambda pair: pair[1])
    return round(peak_bytes * max(1.0, trial.mix.processes / processes))
