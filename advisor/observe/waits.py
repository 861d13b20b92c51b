"""What a blocked thread waits for, told from its system call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from advisor.observe.procfs import SystemCall
from advisor.observe.syscalls import WAIT_BY, WaitBy

UNINTERRUPTIBLE = "D"
_PIDFD_LINK = "anon_inode:[pidfd]"
_NO_DISK_FOLDERS = ("/dev/", "/proc/", "/sys/")

# Of several descriptors waited on at once the most telling names the wait: a server's socket beside a wake-up pipe.
_MOST_TELLING = ("network", "child", "pipe", "disk", "other")


class ProcessFacts(Protocol):
    """What else must be known of a process to understand its system calls."""

    def link(self, descriptor: int, /) -> str:
        """What `descriptor` leads to, as `/proc/PID/fd` shows it; "" where it cannot be told."""

    def is_local(self, link: str, /) -> bool:
        """Whether a `socket:[INODE]` link is a local (AF_UNIX) socket."""

    def feeds_program(self, link: str, /) -> bool:
        """Whether a `pipe:[INODE]` link leads to a child process that runs another program."""

    def watched(self, by: WaitBy, call: SystemCall, /) -> tuple[int, ...]:
        """The descriptors a poll, select or epoll call watches."""

    def is_gil(self, address: int, /) -> bool:
        """Whether a futex address lies in the interpreter's static data, where the GIL's condition variable is."""


def wait_kind(state: str, call: SystemCall | None, names: Mapping[int, str], facts: ProcessFacts) -> str:
    """The ledger's kind for a thread in `state` (S or D) blocked in `call`; `names` is number -> name of calls.

    A wait that signals cannot interrupt (D) is the disk's: file systems and page faults wait so, sockets never.
    """
    by = WAIT_BY.get(names.get(call.number, "")) if call else None
    if state == UNINTERRUPTIBLE:  # vfork waits so too, until its child has started its program
        return "child" if by == "child" else "disk"
    if call is None or by is None or not call.arguments:
        return "other"
    return _kind_by(by, call, facts)


def _kind_by(by: WaitBy, call: SystemCall, facts: ProcessFacts) -> str:
    if by == "futex":
        return "gil" if facts.is_gil(call.arguments[0]) else "lock"
    if by == "descriptor":
        return descriptor_kind(facts.link(call.arguments[0]), facts)
    if by in ("poll", "select", "epoll"):
        links = [facts.link(descriptor) for descriptor in facts.watched(by, call)]
        return _watch_kind(links, by, call, facts)
    return by


def _watch_kind(links: list[str], by: WaitBy, call: SystemCall, facts: ProcessFacts) -> str:
    """A poll on nothing is a sleep; an event loop with nothing but its own wake-up socket sleeps or waits for a thread.

    `epoll_wait` has its timeout in ms as fourth argument, -1 for none; the others sleep whatever their timeout is.
    """
    if not links:
        return "sleep"
    only_wake_up = by == "epoll" and len(links) == 1 and links[0].startswith("socket:") and facts.is_local(links[0])
    if only_wake_up:
        return "lock" if _as_int32(call.arguments[3]) < 0 else "sleep"
    return most_telling(descriptor_kind(link, facts) for link in links)


def most_telling(kinds: Iterable[str]) -> str:
    """The kind that names a wait on several things at once."""
    found = set(kinds)
    return next((kind for kind in _MOST_TELLING if kind in found), "other")


def descriptor_kind(link: str, facts: ProcessFacts) -> str:
    """The ledger's kind of a wait on the file descriptor that leads to `link`."""
    if link.startswith("socket:"):
        return "pipe" if facts.is_local(link) else "network"
    if link.startswith("pipe:"):
        return "child" if facts.feeds_program(link) else "pipe"
    if link == _PIDFD_LINK:
        return "child"
    if link.startswith("/") and not link.startswith(_NO_DISK_FOLDERS):
        return "disk"
    return "other"


def _as_int32(word: int) -> int:
    low = word & 0xFFFF_FFFF
    return low - (1 << 32) if low >= 1 << 31 else low
