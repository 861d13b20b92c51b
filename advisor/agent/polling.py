"""Wait for pipes: by poll, since a script may have so many files open that select refuses the numbers of ours."""

from __future__ import annotations

import select
from collections.abc import Iterable


def readable(fds: Iterable[int], timeout_s: float) -> set[int]:
    """Those of `fds` that can be read or have come to their end, as soon as there are some; none after `timeout_s`."""
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return {fd for fd, _ in poll.poll(max(0.0, timeout_s) * 1000)}
