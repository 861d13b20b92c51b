"""What is kept of past checks: one point a script and check."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.model.advice import Interval
from advisor.model.check import Outcome, Revision
from advisor.model.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One arm's undisturbed runs in short.

    `median_s` is of wall time, `mad_s` its median absolute deviation, not scaled. `peak_rss_bytes` is the median of
    the runs' peaks.
    """

    median_s: float
    mad_s: float
    runs: int
    peak_rss_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One script in one check.

    `script` is its name, `file` its path in the repository (None: a module not found there). `created` is UTC, ISO
    8601. `base_figures` and `head_figures` are None where nothing was measured. `digest` tells fingerprints apart:
    seconds of two of them cannot be compared.
    """

    script: str
    file: str | None
    created: str
    outcome: Outcome
    base: Revision
    head: Revision
    digest: str
    fingerprint: Fingerprint
    ratio: Interval | None = None
    base_figures: Figures | None = None
    head_figures: Figures | None = None
