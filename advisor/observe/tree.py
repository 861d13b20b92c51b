"""The script's process tree in `/proc`: which processes and threads there are, and what each is doing now."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from advisor.observe.facts import LiveFacts
from advisor.observe.procfs import parent_pid
from advisor.observe.taskfiles import ProcFile, ThreadFiles, ThreadPoint

# Files are kept open: a read then costs 2-3 us instead of 10-12. Beyond so many threads each is opened when read,
# because common limits allow a process 1024 descriptors.
_MAX_KEPT_OPEN = 200
# Looks at which program a child runs: between a fork and the start of another program lie a few ms.
_PROGRAM_LOOKS = 5


class ProcessTree:
    """Process `root` and all that descend from it, under the proc file system `proc`.

    `forks` are the descendants that run the script's own program from where it was forked.
    """

    def __init__(self, root: int, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._program = ""
        self._threads: dict[int, dict[int, ThreadFiles]] = {}
        self._facts: dict[int, LiveFacts] = {}
        self._ended: Counter[str] = Counter()
        self._looks: dict[int, int] = {}
        self._command = _command(proc / str(root))
        self.forks: set[int] = set()
        self.processes_seen = 0
        self.threads_seen = 0
        self._foreign = self._pids() - {root}
        with suppress(OSError):
            self._program = os.readlink(proc / str(root) / "exe")
        self._admit(root)

    def discover(self) -> None:
        """Take in processes that have appeared since, and note everyone's context switches.

        Only pids never met before are looked at: a process that was none of ours cannot become one.
        """
        present = self._pids()
        self._foreign &= present
        for pid in sorted(present - self._foreign - self._threads.keys()):
            if self._parent(pid) in self._threads:
                self._admit(pid)
                self.forks.add(pid)
                self._looks[pid] = _PROGRAM_LOOKS
            else:
                self._foreign.add(pid)
        for pid in [pid for pid, left in self._looks.items() if left]:
            self._look_at_program(pid)
        for thread in self._all_threads():
            thread.read_switches()

    def read(self) -> Iterator[ThreadPoint]:
        """What each thread of the tree does now."""
        for pid in tuple(self._threads):
            self._match_threads(pid)
            for thread in tuple(self._threads.get(pid, {}).values()):
                point = thread.point(pid, self._facts[pid])
                if point is not None:
                    yield point

    def folders(self) -> tuple[Path, ...]:
        """The `/proc` folders of the processes that are in the tree now. May be called from any thread."""
        return tuple(self._proc / str(pid) for pid in tuple(self._threads))

    def sums(self) -> Counter[str]:
        """`ThreadFiles.sums` over all threads, those that run and those that have ended."""
        total = Counter(self._ended)
        for thread in self._all_threads():
            total.update(thread.sums())
        return total

    def close(self) -> None:
        """Close every file; the sums stay."""
        for pid in tuple(self._threads):
            self._drop(pid, tuple(self._threads[pid]))

    def _all_threads(self) -> Iterator[ThreadFiles]:
        return (thread for threads in self._threads.values() for thread in threads.values())

    def _admit(self, pid: int) -> None:
        self._threads[pid] = {}
        self._facts[pid] = LiveFacts(self._proc / str(pid), self._program, self.folders)
        self.processes_seen += 1

    def _look_at_program(self, pid: int) -> None:
        """Keep among the forks what still is one; of a process that is gone, the last look counts."""
        self._looks[pid] -= 1
        command = _command(self._proc / str(pid))
        if command and command != self._command:
            self.forks.discard(pid)
            self._looks[pid] = 0

    def _match_threads(self, pid: int) -> None:
        """Make the threads we hold those that exist; forget a process that is gone."""
        held = self._threads[pid]
        try:
            present = {int(name) for name in os.listdir(f"{self._proc}/{pid}/task")}
        except OSError:
            self._drop(pid, tuple(held))
            del self._threads[pid], self._facts[pid]
            return
        if present == held.keys():
            return
        self._drop(pid, tuple(held.keys() - present))
        for tid in sorted(present - held.keys()):
            keep = sum(map(len, self._threads.values())) < _MAX_KEPT_OPEN
            held[tid] = ThreadFiles(f"{self._proc}/{pid}/task/{tid}", tid, keep=keep)
            self.threads_seen += 1

    def _drop(self, pid: int, tids: tuple[int, ...]) -> None:
        for tid in tids:
            thread = self._threads[pid].pop(tid)
            self._ended.update(thread.sums())
            thread.close()

    def _pids(self) -> set[int]:
        return {int(name) for name in os.listdir(self._proc) if name.isdigit()}

    def _parent(self, pid: int) -> int:
        return parent_pid(ProcFile(f"{self._proc}/{pid}/stat", keep=False).read())


def _command(folder: Path) -> bytes:
    with suppress(OSError):
        return (folder / "cmdline").read_bytes()
    return b""
