"""A terminal as standard input: a pseudo-terminal in between, so that what is typed can be kept.

The user's terminal stays as it is: it edits lines, echoes, and turns Ctrl-C into SIGINT for the script and us. The
script's standard input is a pseudo-terminal with the same modes, whose echo is dropped. Modes the script sets on either
one (`getpass`, `readline`, `curses`, `tty.setcbreak`) are carried over to the other. A program that opens /dev/tty to
ask for a password reads the user's terminal itself: nothing is taken from it meanwhile.

What remains visible: `os.ttyname(0)` is another name, and keys typed ahead of a mode change may be echoed.
"""

from __future__ import annotations

import errno
import os
import select
import termios
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from advisor.observe.readers import awaited_by_a_child, opened_by_a_child
from advisor.observe.stdin import Stdin

# How soon a change of modes is carried over: well below the time between two keys of a fast typist (about 100 ms).
_TURN_MS = 30
_READ_BYTES = 4096  # the longest line a terminal takes (N_TTY_BUF_SIZE)

# Places in what termios.tcgetattr returns. Control flags and speeds belong to the line and are not carried over.
_INPUT, _OUTPUT, _LOCAL, _CHARACTERS = 0, 1, 3, 6
_CARRIED = (_INPUT, _OUTPUT, _LOCAL, _CHARACTERS)


class Terminal(Stdin):
    """The terminal `descriptor` as standard input of several runs."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._modes = termios.tcgetattr(descriptor)
        self._kept: list[bytes] | None = None

    @contextmanager
    def supply(self) -> Iterator[int | None]:
        """Hand on the script's side of a pseudo-terminal."""
        master, slave = os.openpty()
        termios.tcsetattr(slave, termios.TCSANOW, self._modes)
        with suppress(OSError):
            termios.tcsetwinsize(slave, termios.tcgetwinsize(self._descriptor))
        relay = self._relay(master, slave)
        relay.start()
        try:
            yield slave
        finally:
            relay.stop()
            _set_modes(self._descriptor, self._modes)
            os.close(master)
            os.close(slave)

    def _relay(self, master: int, slave: int) -> _Relay:
        if self._kept is not None:
            return _Replayer(master, slave, self._kept)
        self._kept = []
        return _Typist(master, slave, self._descriptor, self._kept)


class _Relay:
    """A thread that feeds a pseudo-terminal and drops its echo, until `stop`."""

    def __init__(self, master: int, slave: int) -> None:
        self._master = master
        self._slave = slave
        self._pending = b""
        self._stopped, self._stopper = os.pipe()
        self._thread = threading.Thread(target=self._run, name="terminal relay", daemon=True)
        os.set_blocking(master, False)

    def start(self) -> None:
        """Begin to feed."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; it waits for nothing but `_TURN_MS`."""
        os.close(self._stopper)
        self._thread.join()
        os.close(self._stopped)

    def _run(self) -> None:
        with suppress(OSError, termios.error):  # the terminal is gone
            while not self._over():
                self._drop_echo()
                self._turn()
                self._feed()

    def _over(self) -> bool:
        """Wait a turn, or until there is something to do; True once stopped."""
        watched = [self._stopped, self._master, *self._sources()]
        ready, _, _ = select.select(watched, [], [], _TURN_MS / 1000)
        return self._stopped in ready

    def _sources(self) -> list[int]:
        return []

    def _turn(self) -> None:
        """Take in what is to be fed, into `_pending`."""

    def _feed(self) -> None:
        with suppress(BlockingIOError):
            while self._pending:
                self._pending = self._pending[os.write(self._master, self._pending) :]

    def _drop_echo(self) -> None:
        try:
            os.read(self._master, _READ_BYTES)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EIO):  # EIO: nobody has the other side open just now
                raise


class _Typist(_Relay):
    """Feeds what the user types, and keeps it."""

    def __init__(self, master: int, slave: int, terminal: int, keep: list[bytes]) -> None:
        super().__init__(master, slave)
        self._terminal = terminal
        self._keep = keep
        self._names = {"/dev/tty", os.ttyname(terminal)}
        self._ours = self._theirs = _modes(terminal)
        self._held_off = False

    def _sources(self) -> list[int]:
        """The terminal, unless its input is not for us now: then it is looked at once a turn."""
        return [] if self._held_off else [self._terminal]

    def _turn(self) -> None:
        self._carry_modes()
        if not select.select([self._terminal], [], [], 0)[0]:
            self._held_off = False
            return
        self._held_off = not _in_foreground(self._terminal) or opened_by_a_child(self._names)
        if self._held_off:
            return
        typed = os.read(self._terminal, _READ_BYTES)
        modes = termios.tcgetattr(self._slave)
        if modes[_LOCAL] & termios.ICANON and not typed.endswith(b"\n"):
            typed += modes[_CHARACTERS][termios.VEOF]  # Ctrl-D: it ends a line, and at a line's start the input
        self._pending += typed
        self._keep.append(typed)

    def _carry_modes(self) -> None:
        ours, theirs = _modes(self._terminal), _modes(self._slave)
        if theirs != self._theirs:
            _set_modes(self._terminal, termios.tcgetattr(self._slave))
        elif ours != self._ours:
            _set_modes(self._slave, termios.tcgetattr(self._terminal))
        else:
            return
        self._ours, self._theirs = _modes(self._terminal), _modes(self._slave)


class _Replayer(_Relay):
    """Feeds what was typed in the first run, then ends of file: piece by piece, each when it is asked for.

    Not before, since a script that changes the modes throws away what was typed ahead (TCSAFLUSH).
    """

    def __init__(self, master: int, slave: int, kept: Sequence[bytes]) -> None:
        super().__init__(master, slave)
        self._pieces = iter(kept)
        self._name = os.ttyname(slave)

    def _turn(self) -> None:
        if not self._pending and awaited_by_a_child(self._name):
            end: bytes = termios.tcgetattr(self._slave)[_CHARACTERS][termios.VEOF]
            self._pending = next(self._pieces, end)


def _modes(terminal: int) -> list[Any]:
    """The modes that are carried over."""
    modes = termios.tcgetattr(terminal)
    return [modes[place] for place in _CARRIED]


def _set_modes(terminal: int, modes: list[Any]) -> None:
    """Give `terminal` the modes that are carried over; in the background the kernel would stop us, so not then."""
    with suppress(termios.error):
        current = termios.tcgetattr(terminal)
        for place in _CARRIED:
            current[place] = modes[place]
        if current != termios.tcgetattr(terminal) and _in_foreground(terminal):
            termios.tcsetattr(terminal, termios.TCSADRAIN, current)


def _in_foreground(terminal: int) -> bool:
    """True unless `terminal` is our controlling one and we are in its background."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return True  # not our controlling terminal: no job control
