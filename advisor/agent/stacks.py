"""Where the threads of a forked copy stand just before its time is up: what a deadlock looks like from outside.

`faulthandler` writes it from a thread of its own that needs no GIL, so that it comes however the copy hangs.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from .polling import readable

_BEFORE_S = 0.25  # before the end: writing it takes milliseconds, a busy machine needs some more
_BEFORE_SHARE = 0.2
_LATE_S = 1.0
_WRITING_S = 0.05
_READ_BYTES = 1 << 16
_MOST = 8  # places told
_MOST_WRITERS = 8  # more processes would tell the same, and take descriptors
_FRAME = re.compile(r'^ {2}File "(.*)", line (\d+) in (.*)$')

_wanted: list[tuple[Pipes, float]] = []  # where to write, and when


class Pipes:
    """What stacks of one copy come through: a pipe for each process that writes.

    Two that write into one would mix their lines: `faulthandler` writes a line in many parts, and workers whose time
    is up at one moment write at one moment.
    """

    def __init__(self, writers: int) -> None:
        """In the stage, before it forks; `writers` is how many processes will run tasks.

        Where the script has left no room for so many descriptors, some processes do without.
        """
        self.tickets, write = os.pipe()  # whoever reads number n from it has pipe n for itself
        pairs: list[tuple[int, int]] = []
        with contextlib.suppress(OSError):
            for _ in range(min(writers, _MOST_WRITERS)):
                pairs.append(os.pipe())  # noqa: PERF401  # what comes before an error is to be kept
        for fd in (end for pair in pairs for end in pair):
            os.set_blocking(fd, False)  # neither side ever waits for the other
        self.readers = [reader for reader, _ in pairs]
        os.write(write, bytes(range(len(pairs))))
        os.close(write)
        self.writers = [writer for _, writer in pairs]

    @property
    def fds(self) -> tuple[int, ...]:
        """What a copy keeps open."""
        return (self.tickets, *self.writers)

    def close_readers(self) -> None:
        """In a copy, first of all; in the stage, last of all."""
        for fd in self.readers:
            os.close(fd)

    def close_writers(self) -> None:
        """In the stage, once it has forked."""
        for fd in self.fds:
            os.close(fd)

    def own(self) -> int | None:
        """A pipe to write to that no other process has; None where there is none left."""
        ticket = os.read(self.tickets, 1)
        return self.writers[ticket[0]] if ticket else None


def disarm() -> None:
    """In the stage: let no thread of the script's own `faulthandler` be awaited in copies, which have none of it."""
    faulthandler.cancel_dump_traceback_later()


def want(pipes: Pipes, timeout_s: float) -> None:
    """In a copy: stacks are to come through `pipes`, shortly before `timeout_s` from now."""
    _wanted[:] = [(pipes, time.monotonic() + timeout_s - min(_BEFORE_S, _BEFORE_SHARE * timeout_s))]


def arm() -> None:
    """In a process that runs tasks, which forks no others from here on: `faulthandler` would hang in those."""
    for pipes, at in _wanted:
        with contextlib.suppress(Exception):  # a descriptor the user's code has closed
            fd = pipes.own()
            if fd is not None:
                faulthandler.dump_traceback_later(max(0.01, at - time.monotonic()), file=fd)


def expect(pipes: Pipes) -> None:
    """In the stage, when a copy's time is up: give processes that came late to it a moment to write."""
    ends = time.monotonic() + _LATE_S
    silent = set(pipes.readers)
    while silent and (left := ends - time.monotonic()) > 0:
        silent.difference_update(readable(silent, left))
    time.sleep(_WRITING_S)


def read(pipes: Pipes, is_own: Callable[[str], bool]) -> list[dict[str, Any]]:
    """What was written: each place of the user's own code where threads stand, and how many, the most first."""
    counts: dict[tuple[str, int, str, str], int] = {}
    for reader in pipes.readers:
        for place in _places(_all_of(reader).decode("utf-8", "replace"), is_own):
            counts[place] = counts.get(place, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: -item[1])[:_MOST]
    return [
        {"file": file, "line": line, "function": name, "inside": inside, "threads": count}
        for (file, line, name, inside), count in ranked
    ]


def _all_of(reader: int) -> bytes:
    data = b""
    with contextlib.suppress(BlockingIOError):
        while part := os.read(reader, _READ_BYTES):
            data += part
    return data


def _places(text: str, is_own: Callable[[str], bool]) -> Iterator[tuple[str, int, str, str]]:
    """Of each thread, the user's own innermost frame, and the function of others that it called, if any."""
    inside, waiting = "", False
    for line in text.splitlines():
        found = _FRAME.match(line)
        if found is None:
            inside, waiting = "", line.rstrip().endswith("(most recent call first):")
        elif waiting:
            file, number, name = found[1], int(found[2]), found[3]
            if is_own(file):
                yield file, number, name, inside
                waiting = False
            inside = name
