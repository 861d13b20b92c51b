"""The `/proc` files of one thread."""

from __future__ import annotations

import os
import platform
from collections import Counter
from contextlib import suppress
from typing import NamedTuple

from advisor.observe.facts import LiveFacts
from advisor.observe.procfs import ScheduleTimes, context_switches, schedule_times, system_call, thread_state
from advisor.observe.syscalls import calls_of
from advisor.observe.waits import wait_kind

_READ_BYTES = 512
_BLOCKED = frozenset("SD")
_GONE = frozenset("ZX?")
_CALLS = calls_of(platform.machine())


class ThreadPoint(NamedTuple):
    """One thread at one moment: its state letter, sums since its start in ns, and what it waits for (None: it runs).

    A named tuple, since it is made thousands of times a second while the script runs.
    """

    pid: int
    tid: int
    state: str
    cpu_ns: int
    delay_ns: int
    kind: str | None


class ProcFile:
    """A small file of `/proc`, read as often as needed; b"" once its thread is gone."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: str, *, keep: bool) -> None:
        self._path = path
        self._descriptor = -1
        if keep:
            with suppress(OSError):
                self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> bytes:
        """The file's text now."""
        try:
            if self._descriptor >= 0:
                return os.pread(self._descriptor, _READ_BYTES, 0)
            with open(self._path, "rb", buffering=0) as file:
                return file.read(_READ_BYTES)
        except OSError:
            return b""

    def close(self) -> None:
        """Close it if it was kept open."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class ThreadFiles:
    """The files of one thread, and its sums as last seen."""

    __slots__ = ("_schedstat", "_stat", "_status", "_switches", "_syscall", "_times", "tid")

    def __init__(self, folder: str, tid: int, *, keep: bool) -> None:
        self.tid = tid
        self._stat = ProcFile(f"{folder}/stat", keep=keep)
        self._schedstat = ProcFile(f"{folder}/schedstat", keep=keep)
        self._syscall = ProcFile(f"{folder}/syscall", keep=keep)
        self._status = f"{folder}/status"
        self._times = ScheduleTimes(cpu_ns=0, delay_ns=0, turns=0)
        self._switches = (0, 0)

    def point(self, pid: int, facts: LiveFacts) -> ThreadPoint | None:
        """What the thread does now, None once it has ended."""
        state = thread_state(self._stat.read())
        if state in _GONE:
            return None
        self.read_times()
        kind = wait_kind(state, system_call(self._syscall.read()), _CALLS, facts) if state in _BLOCKED else None
        return ThreadPoint(pid, self.tid, state, self._times.cpu_ns, self._times.delay_ns, kind)

    def read_times(self) -> None:
        """Note the sums of `schedstat`; once the thread is gone they stay as they were."""
        times = schedule_times(self._schedstat.read())
        if times.turns:
            self._times = times

    def read_switches(self) -> None:
        """Note the context switches: a longer file, so read more seldom than the others."""
        with suppress(OSError), open(self._status, encoding="ascii", errors="replace") as file:
            self._switches = max(self._switches, context_switches(file.read()))

    def sums(self) -> Counter[str]:
        """The sums as last seen: `cpu_ns`, `delay_ns`, and `voluntary` and `involuntary` context switches."""
        voluntary, involuntary = self._switches
        times = self._times
        return Counter(cpu_ns=times.cpu_ns, delay_ns=times.delay_ns, voluntary=voluntary, involuntary=involuntary)

    def close(self) -> None:
        """Close the files."""
        for file in (self._stat, self._schedstat, self._syscall):
            file.close()
