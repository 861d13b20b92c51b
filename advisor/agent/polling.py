"""Wait for pipes: by poll, since a script may have so many files open that select refuses the numbers of ours."""

from __future__ import annotations

from collections.abc import Iterable
from select import POLLIN, poll  # some libraries take it out of the module


def readable(fds: Iterable[int], timeout_s: float) -> set[int]:
    """Those of `fds` that can be read or have come to their end, as soon as there are some; none after `timeout_s`."""
    polled = poll()
    for fd in fds:
        polled.register(fd, POLLIN)
    return {fd for fd, _ in polled.poll(max(0.0, timeout_s) * 1000)}
