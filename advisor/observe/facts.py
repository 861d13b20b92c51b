"""What a process's descriptors, sockets, memory and mappings say about the system calls its threads are blocked in."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from advisor.observe.procfs import (
    AddressRange,
    SystemCall,
    epoll_watches,
    interpreter_data,
    poll_descriptors,
    select_descriptors,
    unix_inodes,
)
from advisor.observe.syscalls import WaitBy

# A wait on more descriptors than these is named by the first of them: the arrays are read a hundred times a second.
_MAX_WATCHED = 256
_POLLFD_BYTES = 8


class LiveFacts:
    """`ProcessFacts` of a running process, read from `/proc` when asked and kept where it cannot change.

    `program` is the executable of the observed script; `children` gives the pids of the other processes of its tree.
    A process that has gone away has no descriptors and no memory.
    """

    def __init__(self, folder: Path, program: str, children: Callable[[], tuple[Path, ...]]) -> None:
        self._folder = folder
        self._program = program
        self._children = children
        self._local: dict[str, bool] = {}
        self._fed_by_program: set[str] = set()
        self._gil_ranges: dict[str, tuple[AddressRange, ...]] = {}

    def link(self, descriptor: int) -> str:
        """What `descriptor` leads to; not kept, since a number is used again as soon as it is closed."""
        return _link(self._folder / "fd" / str(descriptor))

    def is_local(self, link: str) -> bool:
        """Whether the socket is listed among the local ones."""
        if link not in self._local:
            self._local[link] = link[len("socket:[") : -1] in unix_inodes(_text(self._folder / "net" / "unix"))
        return self._local[link]

    def feeds_program(self, link: str) -> bool:
        """Whether a child process that runs another executable holds the same pipe."""
        if link not in self._fed_by_program:  # only a yes is kept: a child may not have begun its program yet
            others = (child for child in self._children() if _link(child / "exe") not in ("", self._program))
            if any(link in _descriptor_links(child) for child in others):
                self._fed_by_program.add(link)
        return link in self._fed_by_program

    def watched(self, by: WaitBy, call: SystemCall) -> tuple[int, ...]:
        """The descriptors of an epoll instance, a pollfd array or an fd_set."""
        if by == "epoll":
            return epoll_watches(_text(self._folder / "fdinfo" / str(call.arguments[0])))
        if by == "poll":
            count = min(call.arguments[1], _MAX_WATCHED)
            return poll_descriptors(self._memory(call.arguments[0], count * _POLLFD_BYTES))
        count = min(call.arguments[0], _MAX_WATCHED)
        sets = (self._memory(address, (count + 7) // 8) for address in call.arguments[1:4] if address)
        return tuple(number for bits in sets for number in select_descriptors(bits, count))

    def is_gil(self, address: int) -> bool:
        """Whether `address` is in the static data of the interpreter the process runs now; a child may exec another."""
        executable = _link(self._folder / "exe")
        if executable not in self._gil_ranges:
            self._gil_ranges[executable] = interpreter_data(_text(self._folder / "maps"))
        return any(address in part for part in self._gil_ranges[executable])

    def _memory(self, address: int, size: int) -> bytes:
        with suppress(OSError, OverflowError), (self._folder / "mem").open("rb", buffering=0) as memory:
            return os.pread(memory.fileno(), size, address)
        return b""


def _descriptor_links(folder: Path) -> set[str]:
    with suppress(OSError):
        return {_link(Path(entry.path)) for entry in os.scandir(folder / "fd")}
    return set()


def _link(path: Path) -> str:
    with suppress(OSError):
        return os.readlink(path)
    return ""


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace")
    return ""
