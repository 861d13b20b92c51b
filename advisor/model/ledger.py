"""The wait ledger: where the wall time of a site went, by kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

ROUNDING = 0.02
"""How far the shares may be off 1 in all: they come from sampled seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Shares of thread wall time, each in [0, 1]; together 1 (or all 0 where nothing was seen).

    python: on the CPU holding the GIL; native: on the CPU without it; network, disk, sleep, child, pipe:
    blocked in the kernel on that; lock: blocked on a lock of the program; gil: blocked on the GIL;
    runqueue: runnable but not scheduled; other: blocked on something not told apart.
    """

    python: float = 0.0
    native: float = 0.0
    network: float = 0.0
    disk: float = 0.0
    sleep: float = 0.0
    child: float = 0.0
    pipe: float = 0.0
    lock: float = 0.0
    gil: float = 0.0
    runqueue: float = 0.0
    other: float = 0.0

    def __post_init__(self) -> None:
        total = self.total
        if total and abs(total - 1.0) > ROUNDING:
            raise ValueError(f"a ledger adds up to 1, not {total:.3f}")

    @classmethod
    def of_seconds(cls, seconds: dict[str, float]) -> Ledger:
        """The ledger of a table kind -> seconds; kinds that are missing count as zero."""
        total = sum(seconds.values())
        if total <= 0:
            return cls()
        return cls(**{kind: seconds.get(kind, 0.0) / total for kind in KINDS})

    @property
    def total(self) -> float:
        """Sum over all kinds: 1 for a ledger with samples, 0 for an empty one."""
        return self.share(KINDS)

    def share(self, kinds: Iterable[str]) -> float:
        """Sum of the shares of `kinds`."""
        return float(sum(getattr(self, kind) for kind in kinds))

    @property
    def cpu(self) -> float:
        """Share spent on a CPU."""
        return self.python + self.native

    @property
    def wait(self) -> float:
        """Share blocked on something outside the process (network, disk, sleep, child, pipe)."""
        return self.share(WAIT_KINDS)


KINDS: tuple[str, ...] = tuple(field.name for field in fields(Ledger))
WAIT_KINDS: tuple[str, ...] = ("network", "disk", "sleep", "child", "pipe")
