"""The machine as the trials see it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NativePool:
    """A thread pool inside a native library (OpenBLAS, MKL, OpenMP), as threadpoolctl reports it."""

    library: str
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """An A/A test: `pairs` of the same work of about `turn_s` seconds.

    `false_difference` is by how much the medians of the two equal arms differ, `spread` by how much one turn in ten is
    over the median; both are shares.
    """

    pairs: int
    turn_s: float
    false_difference: float
    spread: float

    @property
    def too_high(self) -> bool:
        """True where differences that advice is given for may be the machine's own."""
        return self.false_difference > FALSE_DIFFERENCE or self.spread > NOISY_SPREAD


FALSE_DIFFERENCE = 0.05
"""The smallest gain that advice is given for."""
NOISY_SPREAD = 0.10
"""The spread at which pyperf calls a benchmark unstable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Cores, memory and interpreter.

    `usable_cpus` is the least of affinity, cgroup quota and core count, at least 1 (source: the rule of
    `loky.cpu_count`, fractional where a quota is). `memory_bytes` is the least of RAM and cgroup limit;
    `available_bytes` what was free when the run began.
    """

    cpus: int
    usable_cpus: float
    memory_bytes: int
    available_bytes: int
    python: str
    gil: bool = True
    start_method: str = "fork"
    platform: str = ""
    native_pools: tuple[NativePool, ...] = ()

    def __post_init__(self) -> None:
        if self.usable_cpus < 1 or self.cpus < 1:
            raise ValueError("a machine has at least one CPU")

    @property
    def cores(self) -> int:
        """Usable CPUs as a whole number of workers, at least 1."""
        return max(1, int(self.usable_cpus))
