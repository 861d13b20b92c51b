"""Parsers of the Linux `/proc` files the observer reads: pure functions over text, tested on canned files."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PYTHON_IMAGE = re.compile(r"/(python[\d.]*[a-z]*|libpython\d[^/]*)$")
_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$", re.MULTILINE)
_BYTES_PER_KIB = 1024
# Columns of net/unix: Num RefCount Protocol Flags Type St Inode Path.
_UNIX_INODE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemCall:
    """A blocked system call: its number (-1: blocked outside any, as in a page fault) and its six arguments."""

    number: int
    arguments: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTimes:
    """`schedstat` of a thread: ns on a CPU, ns runnable but not on one, and how often it was put on a CPU."""

    cpu_ns: int
    delay_ns: int
    turns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRange:
    """Addresses `start` <= a < `end`."""

    start: int
    end: int

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.end


def thread_state(stat: bytes) -> str:
    """The state letter of a `stat` line: R, S, D, Z, ... The name before it may hold blanks and brackets (proc(5))."""
    after_name = stat.rpartition(b")")[2]
    return after_name[1:2].decode() or "?"


def parent_pid(stat: bytes) -> int:
    """The parent's pid of a `stat` line; 0 where the line is not whole."""
    fields = stat.rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def schedule_times(schedstat: bytes) -> ScheduleTimes:
    """The three figures of `schedstat`; all 0 on a kernel that keeps none."""
    fields = schedstat.split()
    if len(fields) < len(("cpu", "delay", "turns")):
        return ScheduleTimes(cpu_ns=0, delay_ns=0, turns=0)
    return ScheduleTimes(cpu_ns=int(fields[0]), delay_ns=int(fields[1]), turns=int(fields[2]))


def system_call(syscall: bytes) -> SystemCall | None:
    """The call a thread is blocked in, None while it runs (`running`) or where the line is not understood."""
    fields = syscall.split()
    if not fields or not fields[0].lstrip(b"-").isdigit():
        return None
    return SystemCall(number=int(fields[0]), arguments=tuple(int(word, 16) for word in fields[1:7]))


def context_switches(status: str) -> tuple[int, int]:
    """(voluntary, involuntary) context switches of a `status` file."""
    found = dict(re.findall(r"^((?:non)?voluntary_ctxt_switches):\s*(\d+)$", status, re.MULTILINE))
    return int(found.get("voluntary_ctxt_switches", 0)), int(found.get("nonvoluntary_ctxt_switches", 0))


def pss_bytes(smaps_rollup: str) -> int:
    """Proportional set size of `smaps_rollup`, 0 where it has none."""
    found = re.search(r"^Pss:\s*(\d+) kB$", smaps_rollup, re.MULTILINE)
    return int(found[1]) * _BYTES_PER_KIB if found else 0


def interpreter_data(maps: str) -> tuple[AddressRange, ...]:
    """Where `maps` puts the writable static data of the Python executable and of libpython.

    The part that starts out as zeros (bss) goes on as a mapping without a name right behind the file's own.
    """
    ranges: list[AddressRange] = []
    inside = False
    for start_text, end_text, rights, path in _MAPPING.findall(maps):
        start, end = int(start_text, 16), int(end_text, 16)
        continues = inside and not path and bool(ranges) and ranges[-1].end == start
        inside = rights.startswith("rw") and (continues or bool(_PYTHON_IMAGE.search(path)))
        if inside:
            ranges.append(AddressRange(start=start, end=end))
    return tuple(ranges)


def epoll_watches(fdinfo: str) -> tuple[int, ...]:
    """The file descriptors an epoll instance watches, from its `fdinfo`."""
    return tuple(int(number) for number in re.findall(r"^tfd:\s*(\d+)", fdinfo, re.MULTILINE))


def unix_inodes(net_unix: str) -> frozenset[str]:
    """The inodes of all local (AF_UNIX) sockets, from `net/unix`; every other socket is the network's."""
    rows = (line.split() for line in net_unix.splitlines()[1:])
    return frozenset(row[_UNIX_INODE] for row in rows if len(row) > _UNIX_INODE)


def poll_descriptors(memory: bytes) -> tuple[int, ...]:
    """The descriptors of an array of `struct pollfd` (int fd, short events, short revents); negative ones are off."""
    numbers = (int.from_bytes(memory[at : at + 4], "little", signed=True) for at in range(0, len(memory) - 7, 8))
    return tuple(number for number in numbers if number >= 0)


def select_descriptors(memory: bytes, count: int) -> tuple[int, ...]:
    """The descriptors below `count` whose bit is set in an `fd_set`."""
    return tuple(number for number in range(min(count, len(memory) * 8)) if memory[number // 8] >> (number % 8) & 1)
