"""What the advice itself costs, by step."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from advisor.model.advice import Cost


class Stopwatch:
    """Seconds of wall time since it was made, in all and by step."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._spent_s: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Book the time of the block under `name`."""
        began_s = time.monotonic()
        try:
            yield
        finally:
            self._spent_s[name] += time.monotonic() - began_s

    def cost(self, runs: int) -> Cost:
        """The sums so far; `runs` is how often the script was run."""
        spent_s = self._spent_s
        return Cost(
            runs=runs,
            observe_s=spent_s["observe"],
            record_s=spent_s["record"],
            replay_s=spent_s["replay"],
            total_s=time.monotonic() - self._began_s,
        )
