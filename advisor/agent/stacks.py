"""Where the threads of a forked copy stand just before its time is up: what a deadlock looks like from outside.

`faulthandler` writes it from a thread of its own that needs no GIL, so that it comes however the copy hangs.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import select
import time
from collections.abc import Callable, Iterator
from typing import Any

_BEFORE_S = 0.25  # before the end: writing it takes milliseconds, a busy machine needs some more
_BEFORE_SHARE = 0.2
_LATE_S = 1.0
_WRITING_S = 0.05
_READ_BYTES = 1 << 16
_MOST = 8  # places told
_FRAME = re.compile(r'^ {2}File "(.*)", line (\d+) in (.*)$')

_wanted: list[tuple[int, float]] = []  # where to write, and when


def pipe() -> tuple[int, int]:
    """(read, write) ends; neither side ever waits for the other."""
    ends = os.pipe()
    for fd in ends:
        os.set_blocking(fd, False)
    return ends


def disarm() -> None:
    """In the stage: let no thread of the script's own `faulthandler` be awaited in copies, which have none of it."""
    faulthandler.cancel_dump_traceback_later()


def want(fd: int, timeout_s: float) -> None:
    """In a copy: stacks are to go to `fd`, shortly before `timeout_s` from now."""
    _wanted[:] = [(fd, time.monotonic() + timeout_s - min(_BEFORE_S, _BEFORE_SHARE * timeout_s))]


def arm() -> None:
    """In the process that runs the tasks, which forks no others from here on: `faulthandler` would hang in those."""
    for fd, at in _wanted:
        with contextlib.suppress(Exception):  # a descriptor the user's code has closed
            faulthandler.dump_traceback_later(max(0.01, at - time.monotonic()), file=fd)


def expect(fd: int) -> None:
    """In the stage, when a copy's time is up: give one that came late to it a moment to write them."""
    if select.select([fd], [], [], _LATE_S)[0]:
        time.sleep(_WRITING_S)


def read(fd: int, is_own: Callable[[str], bool]) -> list[dict[str, Any]]:
    """What was written: each place of the user's own code where threads stand, and how many, the most first."""
    data = b""
    with contextlib.suppress(BlockingIOError):
        while part := os.read(fd, _READ_BYTES):
            data += part
    counts: dict[tuple[str, int, str, str], int] = {}
    for place in _places(data.decode("utf-8", "replace"), is_own):
        counts[place] = counts.get(place, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: -item[1])[:_MOST]
    return [
        {"file": file, "line": line, "function": name, "inside": inside, "threads": count}
        for (file, line, name, inside), count in ranked
    ]


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
