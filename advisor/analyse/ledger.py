"""One pass over the time line of run 1, and the ledgers that follow from it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from advisor.model.ledger import KINDS, Ledger
from advisor.model.observation import Moment, Observation

Weights = Mapping[int, float]
"""Index of a stack -> the part of its time that belongs to a site, in (0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Run 1 summed per stack, so that a site costs a look at its stacks instead of one at every sample.

    `seconds` has thread seconds by kind of wait for every stack, `samples` the moments seen with it, and
    `together` the wall seconds in which exactly this set of stacks was on the threads.
    """

    seconds: tuple[Mapping[str, float], ...]
    samples: tuple[int, ...]
    together: tuple[tuple[frozenset[int], float], ...]

    def ledger(self, weights: Weights) -> Ledger:
        """The shares of the thread time of these stacks, by kind."""
        total: dict[str, float] = defaultdict(float)
        for stack, weight in weights.items():
            for kind, seconds in self.seconds[stack].items():
                total[kind] += weight * seconds
        return Ledger.of_seconds(total)

    def wall_s(self, weights: Weights) -> float:
        """Wall seconds in which at least one thread had one of these stacks (union over threads)."""
        return sum(
            length_s * max((weights.get(stack, 0.0) for stack in stacks), default=0.0)
            for stacks, length_s in self.together
        )

    def thread_s(self, weights: Weights) -> float:
        """Seconds summed over threads."""
        return sum(weight * sum(self.seconds[stack].values()) for stack, weight in weights.items())

    def samples_in(self, weights: Weights) -> int:
        """Moments seen in these stacks."""
        return sum(self.samples[stack] for stack in weights)


def tally(observation: Observation) -> Tally:
    """Sum the time line of `observation` per stack."""
    seconds: list[dict[str, float]] = [defaultdict(float) for _ in observation.stacks]
    samples = [0] * len(observation.stacks)
    together: Counter[frozenset[int]] = Counter()
    for tick in observation.ticks:
        stacks = frozenset(moment.stack for moment in tick.moments if moment.stack >= 0)
        together[stacks] += tick.length_s  # type: ignore[assignment]  # a Counter of seconds
        for moment in tick.moments:
            if moment.stack >= 0:
                samples[moment.stack] += 1
                _book(seconds[moment.stack], moment, observation.gil_share[moment.stack])
    return Tally(seconds=tuple(seconds), samples=tuple(samples), together=tuple(together.items()))


def _book(account: dict[str, float], moment: Moment, gil_share: float) -> None:
    account["python"] += moment.cpu_s * gil_share
    account["native"] += moment.cpu_s * (1.0 - gil_share)
    account["runqueue"] += moment.runqueue_s
    account[moment.wait_kind if moment.wait_kind in KINDS else "other"] += moment.wait_s
