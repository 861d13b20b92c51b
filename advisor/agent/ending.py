"""The end of the script: what the interpreter would wait for, without its exit hooks."""

from __future__ import annotations

import _thread
import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .values import Value

_POLL_S = 0.001


def wait_for_threads() -> None:
    """Wait as the interpreter would at exit, without its exit hooks: they would close every thread pool for good.

    Threads may wait for the main thread to end, as one that cleans up does: meanwhile it seems to have ended.
    """
    main = threading.main_thread()
    if not any(map(_is_awaited, threading.enumerate())):
        return
    with contextlib.suppress(Exception):  # a script may have put another in its place
        _seem_ended(main)
    while any(map(_is_awaited, threading.enumerate())):
        time.sleep(_POLL_S)
    with contextlib.suppress(Exception):  # as above
        _seem_alive(main)


def _is_awaited(thread: threading.Thread) -> bool:
    return thread is not threading.main_thread() and not thread.daemon and _is_busy(thread)


def _is_busy(thread: threading.Thread) -> bool:
    """False for an idle thread of an executor nobody shut down: it waits for work that will not come."""
    if type(thread).__name__ == "_ExecutorManagerThread":  # of processes, concurrent.futures' or loky's
        return thread.is_alive() and bool(getattr(thread, "pending_work_items", None))
    executors = sys.modules.get("concurrent.futures.thread")
    queue = getattr(executors, "_threads_queues", {}).get(thread)
    if queue is None:
        return thread.is_alive()
    frame = sys._current_frames().get(thread.ident or 0)
    return not queue.empty() or (frame is not None and frame.f_code.co_name != "_worker")


def _seem_ended(main: Value) -> None:
    """As `threading._shutdown` does first of all: `is_alive` is False from here on, and who joins it goes on."""
    if hasattr(main, "_handle"):  # since 3.13
        main._handle._set_done()
    else:
        main._tstate_lock.release()
        main._stop()


def _seem_alive(main: Value) -> None:
    """As it was: trials run in it, and the true end is to come."""
    if hasattr(main, "_handle"):
        main._handle = _thread._make_thread_handle(main.ident)  # type: ignore[attr-defined]  # since 3.13
    else:
        main._is_stopped = False
        main._set_tstate_lock()
