"""A thread of ours that reads, many times a second, what the kernel says of each thread of the script's processes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from advisor.observe.taskfiles import ThreadFiles, ThreadPoint
from advisor.observe.tree import ProcessTree

# Short enough to see waits of a few ms, long enough to cost next to nothing.
INTERVAL_S = 0.010
# Share of one core the reader may use; with many threads it reads less often instead.
MAX_DUTY = 0.05
# How much the cost of the newest pass counts against those before it.
_COST_WEIGHT = 0.2
# Looking for new processes means listing all of the machine's: about 1 us of CPU time for each.
DISCOVER_INTERVAL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSample:
    """All threads of the tree at one moment, `at_s` on the host's monotonic clock."""

    at_s: float
    threads: tuple[ThreadPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRecord:
    """What the reader saw: its samples in order, and sums over every process and thread it met.

    `sums` has `cpu_ns`, `delay_ns`, `voluntary` and `involuntary` (switches) since the gate was opened, `before` those
    of the script's process up to then. `forks` are the processes forked from it that ran no other program.
    """

    samples: tuple[KernelSample, ...]
    sums: Counter[str]
    before: Counter[str]
    processes: int
    threads: int
    forks: frozenset[int]


@dataclass(slots=True)
class _Pace:
    """How long to wait between two passes so that they cost no more than their share."""

    cost_s: float = 0.0
    interval_s: float = field(default=INTERVAL_S)

    def spent(self, cost_s: float) -> None:
        self.cost_s += _COST_WEIGHT * (cost_s - self.cost_s)
        self.interval_s = max(INTERVAL_S, self.cost_s / MAX_DUTY)


class KernelReader:
    """Reads the process tree of `pid` from `start` to `stop`.

    `proc` is the root of the proc file system, `now` the host's monotonic clock in seconds.
    """

    def __init__(self, pid: int, *, now: Callable[[], float] = time.monotonic, proc: Path = Path("/proc")) -> None:
        self._pid = pid
        self._proc = proc
        self._now = now
        self._before: Counter[str] = Counter()
        self._tree = ProcessTree(pid, proc)
        self._samples: list[KernelSample] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="advisor-kernel-reader", daemon=True)

    def start(self) -> None:
        """Begin to read, in a thread of our own."""
        self._thread.start()

    def opened(self) -> None:
        """The script starts now: what its process has used up to here does not count as the script's."""
        own = ThreadFiles(f"{self._proc}/{self._pid}/task/{self._pid}", self._pid, keep=False)
        own.read_times()
        own.read_switches()
        self._before = own.sums()

    def folders(self) -> tuple[Path, ...]:
        """The `/proc` folders of the processes in the tree now."""
        return self._tree.folders()

    def stop(self) -> KernelRecord:
        """End the thread, close every file, and hand out what was read. May be called without `start`, and again."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        sums = self._tree.sums()
        sums.subtract(self._before)
        self._tree.close()
        return KernelRecord(
            samples=tuple(self._samples),
            sums=sums,
            before=self._before,
            processes=self._tree.processes_seen,
            threads=self._tree.threads_seen,
            forks=frozenset(self._tree.forks),
        )

    def _run(self) -> None:
        pace = _Pace()
        discover_at_s = 0.0
        while not self._stop.is_set():
            began_s, began_cpu_s = self._now(), time.thread_time()
            if began_s >= discover_at_s:
                self._tree.discover()
                discover_at_s = began_s + DISCOVER_INTERVAL_S
            self._samples.append(KernelSample(at_s=began_s, threads=tuple(self._tree.read())))
            pace.spent(time.thread_time() - began_cpu_s)
            self._stop.wait(max(0.0, began_s + pace.interval_s - self._now()))
