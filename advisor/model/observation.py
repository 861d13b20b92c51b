"""What run 1 saw: stacks and states on a time line, and the kernel's totals."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.model.target import ScriptExit


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One level of a stack. `function` is the code's qualified name; `own` marks the user's own code."""

    file: str
    line: int
    function: str
    own: bool = False


Stack = tuple[Frame, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What one thread did during one tick, in seconds that add up to the tick's length.

    `stack` is an index into `Observation.stacks` (-1: no Python stack known). `wait_kind` says what the
    `wait_s` part was spent on: a kind of `Ledger` other than python, native and runqueue.
    """

    pid: int
    tid: int
    stack: int
    cpu_s: float = 0.0
    runqueue_s: float = 0.0
    wait_s: float = 0.0
    wait_kind: str = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A slice of the time line, `at_s` after the script's start, and what every thread did in it."""

    at_s: float
    length_s: float
    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTotals:
    """The kernel's own sums over the script's process tree."""

    cpu_s: float = 0.0
    voluntary_switches: int = 0
    involuntary_switches: int = 0
    runqueue_s: float = 0.0
    peak_pss_bytes: int = 0
    processes: int = 1
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Run 1.

    `stacks` are root first, without frames of ours; for a forked worker they begin at the worker's own
    entry. `gil_share` has one figure a stack: the share of its CPU time that held the GIL, in [0, 1].
    `source` is "py-spy" or, where ptrace is not permitted, "sampler" (in-process; ADV403): `source_note` then says why,
    and `source_cure` what to do about it.
    `forks` are the pids of processes forked from the script's that ran no other program.
    `samples` and `sample_errors` are the recorders' own health figures.
    """

    source: str
    source_note: str = ""
    source_cure: str = ""
    wall_s: float
    exit: ScriptExit
    totals: ProcessTotals
    stacks: tuple[Stack, ...] = ()
    gil_share: tuple[float, ...] = ()
    ticks: tuple[Tick, ...] = ()
    forks: frozenset[int] = frozenset()
    samples: int = 0
    sample_errors: int = 0
    stdout_bytes: int = 0

    def __post_init__(self) -> None:
        if len(self.gil_share) != len(self.stacks):
            raise ValueError("one gil_share a stack")
