"""Start the script behind the gate, and see how it ends."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from advisor.errors import ObserveError
from advisor.model.target import ScriptExit, Target
from advisor.observe.owncode import AGENT_FOLDER
from advisor.observe.signals import SignalRelay

BOOTSTRAP = str(Path(AGENT_FOLDER) / "bootstrap.py")

# A cold start of an interpreter with a heavy site-packages on a slow disk; more means that it hangs.
_READY_TIMEOUT_S = 60.0

# At most what a report is long (bootstrap._REPORT_BYTES), with its "ready" line.
_REPORT_LIMIT_BYTES = 8192

_SHELL_SIGNAL_BASE = 128

# linux/prctl.h
_PR_SET_PTRACER = 0x59616D61
_PR_SET_PTRACER_ANY = ctypes.c_ulong(-1)
_PTRACE_CHILDREN_ONLY = "1"


class Launched:
    """The script's process, waiting at the gate with the interpreter up. Made by `launch`.

    Call `open_gate` once, then `wait` once; `kill` at any time.
    """

    def __init__(self, process: subprocess.Popen[bytes], gate: int, report: int) -> None:
        self.pid = process.pid
        self._process = process
        self._gate = gate
        self._report = report
        self._heard = b""
        self._opened_at_s = 0.0
        self._relay = SignalRelay(self._send)

    def open_gate(self, config: Mapping[str, Any]) -> None:
        """Let the script run; `config` is what the bootstrap reads. From here on an interrupt is the script's."""
        self._relay.__enter__()
        line = gate_line(config)
        self._opened_at_s = time.perf_counter()
        with suppress(BrokenPipeError):  # it was killed at the gate: wait() says so
            while line:
                line = line[os.write(self._gate, line) :]
        self._close_gate()

    def wait(self) -> tuple[ScriptExit, float, resource.struct_rusage]:
        """Wait for the script itself, not for processes it leaves behind.

        Returns how it ended, the seconds of wall time since the gate opened, and the kernel's figures for it and
        the children it waited for.
        """
        try:
            _, status, usage = os.wait4(self.pid, 0)
            wall_s = time.perf_counter() - self._opened_at_s
            self._process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            self._relay.__exit__(None, None, None)
            if self._process.returncode is None:
                self.kill()
        error = self._reported_error()
        self._close_report()
        return exit_of(self._process.returncode, error, bool(self._relay.interrupts)), wall_s, usage

    def kill(self) -> None:
        """End the script and the processes it started at once, if it still lives. Safe to call again."""
        if self._process.returncode is None:
            self._send(signal.SIGKILL)
            self._process.wait()
        self._close_gate()
        self._close_report()

    def stop(self) -> None:
        """End the script and what it started at once, from another thread while `wait` waits for it."""
        self._send(signal.SIGKILL)

    def wait_until_ready(self, timeout_s: float = _READY_TIMEOUT_S) -> None:
        """Wait for the interpreter to come up. Raises ObserveError where it does not."""
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._heard:
            ready, _, _ = select.select([self._report], [], [], max(0.0, deadline - time.monotonic()))
            part = os.read(self._report, _REPORT_LIMIT_BYTES) if ready else b""
            if not part:
                self.kill()
                why = "it ended before the script could start" if ready else f"no answer within {timeout_s:.0f} s"
                raise ObserveError("the interpreter did not come up", why=why, cure="run the script plainly and see")
            self._heard += part

    def _reported_error(self) -> str | None:
        """The last line of the unhandled exception, if the script came to tell.

        Never waits: a process the script left behind may hold the pipe open.
        """
        with suppress(OSError):
            os.set_blocking(self._report, False)
            self._heard += os.read(self._report, _REPORT_LIMIT_BYTES)
        lines = self._heard.decode("utf-8", "replace").split("\n", 1)[1].strip().splitlines()
        return lines[-1] if lines else None

    def _send(self, number: int) -> None:
        """Deliver a signal to the script, if it still lives; one that lets nobody clean up goes to its tree."""
        if self._process.returncode is not None:
            return
        with suppress(psutil.NoSuchProcess):
            script = psutil.Process(self.pid)
            workers = script.children(recursive=True) if number == signal.SIGKILL else []
            for process in (script, *workers):
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)

    def _close_gate(self) -> None:
        self._gate = _closed(self._gate)

    def _close_report(self) -> None:
        self._report = _closed(self._report)


def launch(target: Target, stdin: int | None = None) -> Launched:
    """Start the target's interpreter and return once it waits at the gate.

    Output, process group, session, working folder, environment and inherited descriptors are ours, untouched, where
    `target.place` says no other; `stdin` is a descriptor for its standard input (None: ours). Raises ObserveError where
    it cannot be started.
    """
    place = target.place
    output = subprocess.DEVNULL if place.quiet else None
    gate_read, gate_write = os.pipe()
    report_read, report_write = os.pipe()
    for descriptor in (gate_read, report_write):
        os.set_inheritable(descriptor, True)
    try:
        process = subprocess.Popen(
            [target.python, BOOTSTRAP, str(gate_read), str(report_write)],
            stdin=stdin,
            stdout=output,
            stderr=output,
            cwd=place.cwd,
            env=None if place.environment is None else dict(place.environment),
            close_fds=False,  # what the shell opened for the script (`3< file`) reaches it; our own are not inheritable
            preexec_fn=_ptrace_permission(),  # noqa: PLW1509  # one system call, and only where it is needed
        )
    except OSError as error:
        os.close(gate_write)
        os.close(report_read)
        raise ObserveError(f"cannot start {target.python}", why=str(error)) from error
    finally:
        os.close(gate_read)
        os.close(report_write)
    launched = Launched(process, gate_write, report_read)
    try:
        launched.wait_until_ready()
    except BaseException:
        launched.kill()
        raise
    return launched


def gate_line(config: Mapping[str, Any]) -> bytes:
    """What goes through the gate: JSON in UTF-8; bytes of an argument that are no text pass as lone surrogates."""
    return json.dumps(dict(config), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def gate_config(target: Target) -> dict[str, Any]:
    """What the bootstrap must know for run 1."""
    return {"mode": "observe", "script": target.script, "module": target.module, "argv": list(target.argv)}


def exit_of(status: int, error: str | None, interrupted: bool = False) -> ScriptExit:
    """The end of the script as a shell would show it; `status` is negative for a signal."""
    if status >= 0:
        return ScriptExit(code=status, error=error, interrupted=interrupted)
    number = -status
    return ScriptExit(
        code=_SHELL_SIGNAL_BASE + number,
        error=error or f"killed by {_signal_name(number)}",
        interrupted=interrupted or number == signal.SIGINT,
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _closed(descriptor: int) -> int:
    """Close `descriptor` once; the value to keep in its place."""
    if descriptor >= 0:
        os.close(descriptor)
    return -1


def _ptrace_permission(scope_file: Path = Path("/proc/sys/kernel/yama/ptrace_scope")) -> Callable[[], None] | None:
    """What the child must do so that its siblings, the recorders, may read its memory; None: nothing.

    Under Yama's scope 1 a process may only trace its children, unless the traced one permits it (prctl(2)).
    """
    try:
        if scope_file.read_text().strip() != _PTRACE_CHILDREN_ONLY:
            return None
    except OSError:
        return None
    library = ctypes.CDLL(None)  # loaded here: between fork and exec nothing may take a lock

    def permit() -> None:
        library.prctl(_PR_SET_PTRACER, _PR_SET_PTRACER_ANY, 0, 0, 0)

    return permit
