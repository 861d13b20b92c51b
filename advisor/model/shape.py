"""The shape of one arm of a check: where its time goes and on what, and how its parallel parts are sized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from advisor.model.ledger import Ledger
from advisor.model.trial import WorkerMix


class FrameName(NamedTuple):
    """One level of a stack: a file relative to the repository (as recorded, outside of it), its function, the line."""

    file: str
    function: str
    line: int
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StackTime:
    """Thread seconds on one stack (root first), by kind of time: fields of `Ledger`."""

    levels: tuple[FrameName, ...]
    states: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """All kinds together."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One observed run of one arm. `ledger` is that of all its threads together; `stacks` where they were."""

    wall_s: float
    ledger: Ledger
    peak_pss_bytes: int
    processes: int
    threads: int
    samples: int
    stacks: tuple[StackTime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePool:
    """A hot site as `advise` sees it: today's mix, the advised one, and what trials of mixes came to.

    `advised` is None where the answer is open or only predicted. `speedups` are the serial seconds over those of each
    mix tried (low, value, high), `pickled_bytes` the arguments and results pickled a task under the process mixes.
    """

    file: str
    line: int
    function: str
    callee: str
    calls: int | None
    current: WorkerMix | None
    advised: WorkerMix | None
    speedups: Mapping[WorkerMix, tuple[float, float, float]] = field(default_factory=dict)
    pickled_bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that is known of one arm beside the seconds of its undisturbed runs; `pools` is empty where not asked."""

    profiles: tuple[Profile, ...] = ()
    pools: tuple[SitePool, ...] = ()
