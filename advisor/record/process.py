"""The process of run 2: its output held back, its process group killed with us, its two pipes."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from advisor.errors import StageError

BOOTSTRAP = Path(__file__).parent.parent / "agent" / "bootstrap.py"
HELD_BACK_BYTES = 64 * 2**20
"""How much of the script's held-back output is kept on disk before it is emptied: it is never shown."""
_POLL_S = 0.2
_READ_BYTES = 1 << 16
_END_S = 5.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill_session(leader: int) -> None:
    """Kill every process of a session: trial copies lead groups of their own in it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if pid != os.getpid() and os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


@dataclass(slots=True)
class AgentProcess:
    """The recorded interpreter. Messages are one JSON object a line, both ways."""

    child: subprocess.Popen[bytes]
    to_agent: int
    from_agent: int
    reply_fd: int
    held_back: tuple[IO[bytes], IO[bytes]]
    rest: bytes = b""

    @classmethod
    def start(cls, python: str, stdin: int | None, folder: Path) -> AgentProcess:
        """Start the agent at its gate. `folder` takes the held-back output and is the caller's to remove."""
        gate_read, gate_write = os.pipe()
        reply_read, reply_write = os.pipe()
        # Appended to, so that emptying them leaves no hole; a file each, so that the agent can tell its size.
        held = (folder / "stdout").open("ab"), (folder / "stderr").open("ab")
        try:
            child = subprocess.Popen(
                [python, str(BOOTSTRAP), str(gate_read)],
                stdin=stdin,
                stdout=held[0],
                stderr=held[1],
                pass_fds=(gate_read, reply_write),
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl call, no Python state is touched
            )
        except OSError:
            os.close(gate_write)
            os.close(reply_read)
            raise
        finally:
            os.close(gate_read)
        return cls(child, gate_write, reply_read, reply_write, held)

    def open_gate(self, config: dict[str, Any]) -> None:
        """Send the configuration: the script starts."""
        self.send({**config, "reply_fd": self.reply_fd})
        os.close(self.reply_fd)

    def send(self, message: dict[str, Any]) -> None:
        """Send one message. Raises StageError where the agent has gone."""
        data = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        try:
            while data:
                data = data[os.write(self.to_agent, data) :]
        except BrokenPipeError as error:
            raise StageError("the recorded script has ended", why="it no longer reads its orders") from error

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """The next message. Raises StageError where none comes within `timeout_s`, or the agent has gone."""
        ends = time.monotonic() + timeout_s
        while b"\n" not in self.rest:
            left = ends - time.monotonic()
            if left <= 0:
                raise StageError(f"no answer from the recorded script within {timeout_s:.0f} s")
            self._empty_output()
            if not select.select([self.from_agent], [], [], min(left, _POLL_S))[0]:
                continue
            part = os.read(self.from_agent, _READ_BYTES)
            if not part:
                raise StageError("the recorded script has ended", why=self._how_it_ended())
            self.rest += part
        line, self.rest = self.rest.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def _empty_output(self) -> None:
        for file in self.held_back:
            if os.fstat(file.fileno()).st_size > HELD_BACK_BYTES:
                os.ftruncate(file.fileno(), 0)

    def _how_it_ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.child.wait(_END_S)
            return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        return "it closed its side"

    def end(self, grace_s: float = _END_S) -> int | None:
        """Let the script end by itself within `grace_s`, kill what is left of its session; its exit status."""
        for fd in (self.to_agent, self.from_agent):
            with contextlib.suppress(OSError):
                os.close(fd)
        code: int | None = None
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self.child.wait(grace_s)
        finally:  # an impatient Ctrl-C comes here as well
            _kill_session(self.child.pid)
            self.child.wait()
            for file in self.held_back:
                file.close()
        return code
