"""Standard input for two runs: what the first reads is kept, and given to the second."""

from __future__ import annotations

import os
import select
import stat
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import IO

_READ_BYTES = 65536  # a pipe's usual capacity (pipe(7))
_STANDARD_INPUT = 0


class Stdin(ABC):
    """The user's standard input, to be given to several runs of one script, each in its turn."""

    @abstractmethod
    def supply(self) -> AbstractContextManager[int | None]:
        """Standard input for one run, as a descriptor to start it with (None: inherit ours).

        The first run gets what the user gives, later ones the same bytes again. Leaving the context ends the supply,
        whether the script has read all of it or not.
        """


class Inherited(Stdin):
    """Input that can be given again as it is: a closed one, /dev/null and other devices."""

    @contextmanager
    def supply(self) -> Iterator[int | None]:
        """Hand on our own."""
        yield None


class Seekable(Stdin):
    """A regular file: every run begins where the shell had left it, in the same open file."""

    def __init__(self, descriptor: int = _STANDARD_INPUT) -> None:
        self._descriptor = descriptor
        self._offset = os.lseek(descriptor, 0, os.SEEK_CUR)

    @contextmanager
    def supply(self) -> Iterator[int | None]:
        """Rewind, and hand on the file itself."""
        os.lseek(self._descriptor, self._offset, os.SEEK_SET)
        yield self._descriptor


class Piped(Stdin):
    """A pipe or a socket: its bytes are relayed through a pipe of ours, and kept in a temporary file."""

    def __init__(self, descriptor: int = _STANDARD_INPUT) -> None:
        self._descriptor = descriptor
        self._kept: IO[bytes] | None = None

    @contextmanager
    def supply(self) -> Iterator[int | None]:
        """Hand on the reading end of a pipe."""
        reader, writer = os.pipe()
        if self._kept is None:
            self._kept = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # kept for the run after this one
            relay = Relay(self._descriptor, writer, keep=self._kept)
        else:
            self._kept.seek(0)
            relay = Relay(self._kept.fileno(), writer)
        try:
            yield reader
        finally:
            os.close(reader)
            relay.stop()


class Relay:
    """A thread that copies `source` to `sink`, and to `keep`, until the end of either, or `stop`.

    It waits for nothing but the two descriptors and `stop`, so that it never holds up an exit. `sink` is closed by it.
    """

    def __init__(self, source: int, sink: int, *, keep: IO[bytes] | None = None) -> None:
        self._source = source
        self._sink = sink
        self._keep = keep
        self._stopped, self._stopper = os.pipe()
        os.set_blocking(sink, False)
        self._thread = threading.Thread(target=self._run, name="stdin relay", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the copying; what was not yet taken is dropped."""
        os.close(self._stopper)
        self._thread.join()
        os.close(self._stopped)

    def _run(self) -> None:
        try:
            with suppress(OSError):  # the script has closed its input, or ended
                self._copy()
        finally:
            os.close(self._sink)

    def _copy(self) -> None:
        pending = b""
        while True:
            wanted = self._sink if pending else self._source
            ready = self._wait_for(wanted, select.POLLOUT if pending else select.POLLIN)
            if wanted not in ready:
                return
            if pending:
                pending = pending[os.write(self._sink, pending) :]
                continue
            pending = os.read(self._source, _READ_BYTES)
            if not pending:
                return
            self._remember(pending)

    def _wait_for(self, wanted: int, event: int) -> set[int]:
        """Wait for `wanted`; returns without it once stopped, or once nobody can read the sink any more."""
        poll = select.poll()
        poll.register(self._stopped, select.POLLIN)
        poll.register(self._sink, 0)  # POLLERR comes unasked
        poll.register(wanted, event)
        ready = {descriptor for descriptor, _ in poll.poll()}
        over = self._stopped in ready or (wanted != self._sink and self._sink in ready)
        return set() if over else ready

    def _remember(self, part: bytes) -> None:
        if self._keep is None:
            return
        try:
            self._keep.write(part)
        except OSError:  # the disk is full: this run goes on, the next one gets what was kept
            self._keep = None


def keep_stdin(descriptor: int = _STANDARD_INPUT) -> Stdin:
    """The right kind of `Stdin` for what `descriptor` is."""
    from advisor.observe.terminal import Terminal  # noqa: PLC0415  # it is a kind of Stdin itself

    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        # Closed. Take the number ourselves, closed on exec: a file of ours under it would become the script's input.
        os.open(os.devnull, os.O_RDONLY)
        return Inherited()
    if os.isatty(descriptor):
        return Terminal(descriptor)
    if stat.S_ISREG(mode):
        return Seekable(descriptor)
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        return Piped(descriptor)
    return Inherited()
