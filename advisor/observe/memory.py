"""The peak memory of the process tree, read beside the run in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from advisor.observe.procfs import pss_bytes

INTERVAL_S = 0.1
# Reading `smaps_rollup` holds the process's memory map, so that it cannot map or unmap meanwhile; a large process takes
# tens of ms. Share of the time it may be held.
MAX_DUTY = 0.02


class MemoryReader:
    """Reads the PSS of all processes whose `/proc` folders `folders` gives, and keeps the highest sum.

    PSS, not RSS: RSS counts pages that workers share once for each of them.
    """

    def __init__(self, folders: Callable[[], tuple[Path, ...]], *, now: Callable[[], float] = time.monotonic) -> None:
        self._folders = folders
        self._now = now
        self._peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="advisor-memory-reader", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> int:
        """End the thread; the peak in bytes, 0 where nothing could be read."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        return self._peak_bytes

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stop.wait(wait_s):
            began_s = self._now()
            self._peak_bytes = max(self._peak_bytes, sum(map(_pss_bytes, self._folders())))
            wait_s = max(INTERVAL_S, (self._now() - began_s) / MAX_DUTY)


def _pss_bytes(folder: Path) -> int:
    with suppress(OSError):
        return pss_bytes((folder / "smaps_rollup").read_text())
    return 0
