"""Ctrl-C and friends while the script runs: they are the script's, and advise outlives them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any, Self

# A script that got the terminal's Ctrl-C has ended or begun to clean up by then.
_FORWARD_AFTER_S = 0.5

_SHELL_SIGNAL_BASE = 128


class SignalRelay:
    """While entered, an interrupt is counted instead of ending advise.

    The terminal sends Ctrl-C to script and advise alike. A SIGINT meant for advise alone (`kill -INT`) is passed on
    if the script still lives half a second later; told apart by whether we are the terminal's foreground, as Python
    does not hand a handler the sender. A second interrupt sends SIGTERM, a third SIGKILL.

    `send` delivers a signal to the script, if it still lives. Outside the main thread nothing is installed.
    """

    def __init__(self, send: Callable[[int], None]) -> None:
        self.interrupts = 0
        self._send = send
        self._handlers = ExitStack()
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        self._handlers.enter_context(_handled((signal.SIGINT,), self._interrupted))
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._handlers.close()

    def _interrupted(self, _number: int, _frame: FrameType | None) -> None:
        self.interrupts += 1
        if self.interrupts > 2:  # noqa: PLR2004  # the third
            self._send(signal.SIGKILL)
        elif self.interrupts > 1:
            self._send(signal.SIGTERM)
        elif not _is_terminal_foreground():
            self._timer = threading.Timer(_FORWARD_AFTER_S, self._send, (signal.SIGINT,))
            self._timer.daemon = True
            self._timer.start()


@contextmanager
def orderly_end() -> Iterator[None]:
    """While entered, SIGTERM and SIGHUP leave the block by SystemExit with the code a shell would show.

    So that all that is under way is cleaned up on the way out, which a second signal does not cut short. Outside the
    main thread nothing is installed.
    """
    leaving = False

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal leaving
        if not leaving:
            leaving = True
            raise SystemExit(_SHELL_SIGNAL_BASE + number)

    with _handled((signal.SIGTERM, signal.SIGHUP), end):
        yield


@contextmanager
def noted_interrupts() -> Iterator[list[int]]:
    """While entered, each interrupt that raises KeyboardInterrupt is noted first, in the list given.

    So that whoever lives on after it can still tell. Outside the main thread nothing is installed.
    """
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        signal.default_int_handler(number, frame)

    with _handled((signal.SIGINT,), note):
        yield came


@contextmanager
def held_back() -> Iterator[None]:
    """While entered, a signal that would end us waits: a process being started has nobody yet who would end it.

    Not by a signal mask, which the started process would inherit. Outside the main thread nothing is installed.
    """
    came: list[int] = []
    try:
        with _handled((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), lambda number, _frame: came.append(number)):
            yield
    finally:
        for number in came[:1]:
            signal.raise_signal(number)


@contextmanager
def _handled(numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Install `handler`, but not for what was ignored when we started (by nohup, in the background): that stays so."""
    previous: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


def _is_terminal_foreground() -> bool:
    """True where the terminal's Ctrl-C goes to our process group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
