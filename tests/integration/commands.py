"""Run `advise` as a user does, in a folder and a temporary folder of its own, and see what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

HOT = """
import os, sys, time

def work(n):
    total = 0
    for i in range(n):
        total += i * i % 7
    return total

def busy(seconds=0.4):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        work(20_000)

"""
ENDLESS = HOT + "busy(600)\n"
LONGEST_S = 100.0
"""Less than a test may take: a command that hangs is ended here, by name."""
STARTS_S = 30.0
"""In so long a script under way does what is first in it."""
GONE_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One `advise`: its exit code, both outputs, processes and temporary files left behind."""

    code: int
    out: str
    err: str
    processes: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """True where nothing stayed behind and no fault of ours was shown."""
        return not self.processes and not self.files and "a fault in advise itself" not in self.err


class Command:
    """`advise` in `folder`: `script` writes one, `run` runs it, `start` and `end` do so in two steps."""

    leading: tuple[str, ...] = ("--budget", "1")

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.environment = {**environment, "TMPDIR": str(self.temporary), "ADVISE_TEST": str(folder)}

    def script(self, text: str, name: str = "script.py") -> str:
        """Write a script; its name."""
        (self.folder / name).write_text(text)
        return name

    def start(self, *arguments: str, **options: object) -> subprocess.Popen[str]:
        """Start it in a session of its own, without a terminal."""
        given: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", "advisor", *self.leading, *arguments]
        given |= {"cwd": self.folder, "env": self.environment, "text": True, "start_new_session": True} | options
        return subprocess.Popen(command, **given)  # type: ignore[call-overload, no-any-return]

    def end(self, process: subprocess.Popen[str], given: str | None = None) -> Ended:
        """Wait for its end and look around."""
        try:
            out, err = process.communicate(given, timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        left = self._left()
        psutil.wait_procs(left, GONE_S)
        processes = tuple(map(_command_line, self._left()))
        files = tuple(each.name for each in self.temporary.iterdir())
        return Ended(code=process.returncode, out=out or "", err=err or "", processes=processes, files=files)

    def run(self, *arguments: str, given: str | None = None, **options: object) -> Ended:
        """From start to end; `given` goes to its standard input."""
        if given is not None:
            options["stdin"] = subprocess.PIPE
        return self.end(self.start(*arguments, **options), given)

    def stopped(
        self, number: signal.Signals, step: str, *arguments: str, after_s: float = 0.4, times: int = 1,
        made: str | None = None, **options: object,
    ) -> Ended:  # fmt: skip
        """Send `number` so long after `step` ("2/4") was announced, and the script has made the file `made`."""
        process = self.start(*arguments, **options)
        assert process.stderr is not None
        heard = ""
        for line in process.stderr:
            heard += line
            if step in line:
                break
        if made is not None:
            self.until(self.folder / made, process)
        for _ in range(times):
            time.sleep(after_s)
            os.kill(process.pid, number)
        ended = self.end(process)
        return replace(ended, err=heard + ended.err)

    def _left(self) -> list[psutil.Process]:
        return [each for each in psutil.process_iter() if self._is_ours(each)]

    def until(self, path: Path, process: subprocess.Popen[str] | None = None) -> None:
        """Wait for a file that the script makes; end `process` where it does not come."""
        end_s = time.monotonic() + STARTS_S
        while not path.exists():
            if time.monotonic() > end_s:
                if process is not None:
                    process.kill()
                    process.communicate()
                raise AssertionError(f"{path} was not made")
            time.sleep(0.01)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("ADVISE_TEST") == str(self.folder)
        except psutil.Error:
            return False


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return f"process {process.pid}, which has ended since"
