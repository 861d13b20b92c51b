"""A small process that runs a command again and again, plainly, and tells what the kernel says of each run.

Started by path, standard library only. It is small on purpose: the peak memory that wait4(2) reports of a child is
never less than that of the process that started it, and a large process takes longer to fork. It reads one request a
line on standard input, answers one line on standard output, and ends, with the command it runs, when its input is
closed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import resource

_COMPLAINT_BYTES = 4096  # of the end of the command's standard error, to say why it failed
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_REAP_S = 5.0
"""How long processes that were killed may take to go; the kernel needs milliseconds."""
_KIBIBYTE = 1024 if sys.platform != "darwin" else 1  # ru_maxrss is in KiB, on macOS in bytes (getrusage(2))


def main() -> None:
    """Serve requests until the input ends."""
    _adopt()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for request in iter(_request, None):
        answer = _run(woken, **request)
        if answer is None:
            return
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _adopt() -> None:
    """What a command leaves behind becomes our child, also where it has left the command's process group."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _request() -> dict[str, Any] | None:
    """The next request; None where the host has gone. Read byte by byte: nothing may be taken that `_run` looks for."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1)
        if not part:
            return None
        line += part
    found: dict[str, Any] = json.loads(line)
    return found


def _run(woken: int, *, stdin: str, timeout_s: float, **how: Any) -> dict[str, Any] | None:  # noqa: ANN401  # for Popen
    """Run a command once; None where the host went away meanwhile. Whatever it leaves running is ended."""
    try:
        source = os.open(stdin, os.O_RDONLY)
    except OSError as error:
        return {"refused": str(error)}
    try:
        return _timed(woken, timeout_s, stdin=source, **how)
    finally:
        os.close(source)


def _timed(woken: int, timeout_s: float, **how: Any) -> dict[str, Any] | None:  # noqa: ANN401  # as above
    with tempfile.TemporaryFile() as complaint:
        start_s = time.perf_counter()
        try:
            process = subprocess.Popen(**how, stdout=subprocess.DEVNULL, stderr=complaint, process_group=0)
        except OSError as error:
            return {"refused": str(error)}
        try:
            ended = _await(woken, process.pid, start_s + timeout_s)
            end_s = time.perf_counter()
        finally:
            _end_group(process.pid)
        if ended is None:
            process.returncode = os.waitstatus_to_exitcode(os.wait4(process.pid, 0)[1])
        _end_leftovers()
        if ended is None:
            return {"timed_out": True} if end_s >= start_s + timeout_s else None
        status, usage = ended
        process.returncode = os.waitstatus_to_exitcode(status)
        return {
            "status": process.returncode,
            "wall_s": end_s - start_s,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_rss_bytes": usage.ru_maxrss * _KIBIBYTE,
            "voluntary_switches": usage.ru_nvcsw,
            "involuntary_switches": usage.ru_nivcsw,
            "complaint": _tail(complaint) if process.returncode else "",
        }


def _await(woken: int, pid: int, deadline_s: float) -> tuple[int, resource.struct_rusage] | None:
    """(status, resource usage) of `pid` once it has ended; None at the deadline, or where the host has gone."""
    while True:
        found, status, usage = os.wait4(pid, os.WNOHANG)
        if found:
            return status, usage
        left_s = deadline_s - time.perf_counter()
        if left_s <= 0:
            return None
        ready, _, _ = select.select([woken, 0], [], [], left_s)
        if woken in ready:
            os.read(woken, 512)
        if 0 in ready:  # nothing is asked for before the answer: the input has ended
            return None


def _end_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        return  # nobody is left in it


def _end_leftovers() -> None:
    """Kill and reap all children there are: what a command that has ended left outside of its group."""
    ends_s = time.monotonic() + _REAP_S
    while _live_children() and time.monotonic() < ends_s:
        for pid in _children():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue  # it has gone, or is another user's
        time.sleep(0.001)


def _live_children() -> bool:
    """Reap those that have ended; whether others are left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []  # no such list in this kernel


def _tail(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _COMPLAINT_BYTES))
    return file.read().decode("utf-8", "replace")


if __name__ == "__main__":
    main()
