"""The py-spy processes that record a run: started, awaited, ended, and their files read."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from advisor.observe.pyspy import health

# Samples a second. At 100 Hz the three recorders together used about a tenth of one core (py-spy 0.4.3, a loop in
# Python, slope over runs of different length). A stretch of 1 s is seen by 100 samples, a share known to 5 points.
RATE_HZ = 100
# The line py-spy prints as it begins to sample.
_READY = "Sampling process"
_READY_TIMEOUT_S = 20.0
_POLL_S = 0.002
# How long a recorder may take after the script's end to write its file, before it is told to (SIGINT), and killed.
_WRITE_TIMEOUT_S = 15.0
_INTERRUPT_TIMEOUT_S = 5.0
_CHUNK_CHARACTERS = 1 << 20


def find_pyspy() -> str | None:
    """The py-spy beside our own interpreter, else the one on PATH, else None."""
    return shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")


def record_command(pyspy: str, pid: int, rate_hz: int, options: Sequence[str]) -> tuple[str, ...]:
    """The command that samples `pid` without ever stopping it; `options` say what is counted."""
    target = ("--pid", str(pid), "--rate", str(rate_hz), "--nonblocking", "--threads")
    return (pyspy, "record", *target, "--full-filenames", *options)


class Recorder:
    """One py-spy process: `command` is how to start it, but for its output, a file in `folder` called after `name`.

    It runs in a session of its own, so that Ctrl-C meant for the script does not end it, and reads nothing.
    """

    def __init__(self, command: Sequence[str], folder: Path, name: str) -> None:
        self.name = name
        self.ready_s = 0.0
        self._file = folder / f"recorder-{name}.json"
        self._log = folder / f"recorder-{name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--output", str(self._file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def await_ready(self, now: Callable[[], float]) -> bool:
        """Wait until it samples; False where it ended or said nothing instead. `ready_s` is the moment it said so."""
        deadline_s = now() + _READY_TIMEOUT_S
        while now() < deadline_s:
            if _READY in self.log():
                self.ready_s = now()
                return True
            if self._process.poll() is not None:
                return _READY in self.log()
            time.sleep(_POLL_S)
        return False

    def log(self) -> str:
        """All it has printed."""
        with suppress(OSError):
            return self._log.read_text(errors="replace")
        return ""

    def complaint(self) -> str:
        """What it printed when it failed, on one line."""
        lines = [line.strip() for line in self.log().splitlines() if line.strip()]
        return next((line for line in lines if line.startswith(("Error", "Permission"))), lines[0] if lines else "")

    def await_end(self) -> None:
        """Wait until it has written its file and ended; make it end where it does not."""
        for number, timeout_s in ((None, _WRITE_TIMEOUT_S), (signal.SIGINT, _INTERRUPT_TIMEOUT_S)):
            if number is not None:
                self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
                return
        self.kill()

    def kill(self) -> None:
        """End it at once, whole session, and reap it."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def chunks(self) -> Iterator[str]:
        """Its file in pieces; nothing where there is none."""
        with suppress(OSError), self._file.open(encoding="utf-8", errors="replace") as file:
            while chunk := file.read(_CHUNK_CHARACTERS):
                yield chunk

    def health(self) -> tuple[int, int]:
        """(samples, errors) as it counts them."""
        return health(self.log())

    def remove_files(self) -> None:
        """Leave nothing behind."""
        for path in (self._file, self._log):
            path.unlink(missing_ok=True)
