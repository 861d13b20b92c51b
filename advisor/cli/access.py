"""What `advise doctor` finds out about rights: to look at other processes, and to write the report."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.cli import files
from advisor.cli.checks import Check
from advisor.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE_TIMEOUT_S = 20.0
PROC = Path("/proc")
YAMA = PROC / "sys/kernel/yama/ptrace_scope"
YAMA_MEANING = {
    "0": "any process of the same user may be traced",
    "1": "only children, and those that permit it as advise makes the script do",
    "2": "only with CAP_SYS_PTRACE",
    "3": "no process may be traced",
}
"""Source: the kernel's documentation, admin-guide/LSM/Yama."""
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))


def tracing(pyspy: str | None, *, yama: Path = YAMA, marks: tuple[Path, ...] = CONTAINER_MARKS) -> Check:
    """Whether py-spy may look at a process of ours, tried on one that waits for its standard input."""
    if pyspy is None:
        return Check(name="py-spy", status="warning", found="not found", cure="pip install py-spy")
    try:
        refusal = _refusal(pyspy)
    except (OSError, subprocess.SubprocessError) as error:
        refusal = str(error)
    if refusal is None:
        return Check(name="py-spy", status="ok", found="may read the script's stacks")
    return Check(name="py-spy", status="warning", found=f"not permitted: {refusal}", cure=ptrace_cure(yama, marks))


def ptrace_scope(yama: Path = YAMA) -> Iterator[Check]:
    """Yama's ptrace scope, on kernels that have it."""
    if not yama.exists():
        return
    scope = yama.read_text().strip()
    found = f"{scope}: {YAMA_MEANING.get(scope, 'unknown')}"
    if scope in ("2", "3"):
        yield Check(name="ptrace scope", status="warning", found=found, cure=ptrace_cure(yama, ()))
    else:
        yield Check(name="ptrace scope", status="ok", found=found)


def ptrace_cure(yama: Path, marks: tuple[Path, ...]) -> str:
    """What gives the ptrace right on this kind of machine."""
    if sys.platform == "darwin":
        return "run advise as root (sudo); macOS grants this right to no one else"
    if any(mark.exists() for mark in marks):
        return "start the container with --cap-add SYS_PTRACE"
    scope = yama.read_text().strip() if yama.exists() else ""
    return "sudo sysctl kernel.yama.ptrace_scope=1" if scope in ("2", "3") else "run advise as the script's own user"


def waits(proc: Path = PROC) -> Check:
    """Whether the kernel tells which system call a waiting process is in: else waits have no names."""
    with waiting_process() as pid:
        try:
            (proc / str(pid) / "syscall").read_bytes()
        except OSError as error:
            found = f"what a process waits for cannot be read: {error.strerror}"
            cure = "the same rights as py-spy's (ptrace), on a Linux with /proc; here waits are named by their stacks"
            return Check(name="waits", status="warning", found=found, cure=cure)
    return Check(name="waits", status="ok", found="the kernel tells what a process waits for")


def reports(folder: Path) -> Check:
    """Whether a report could be written into `folder`."""
    try:
        files.check_writable(folder / "doctor.html")
    except ReportError as error:
        return Check(name="reports", status="warning", found=error.why, cure=error.cure)
    return Check(name="reports", status="ok", found=f"{folder} can be written")


@contextmanager
def waiting_process() -> Iterator[int]:
    """The pid of an interpreter that is up, and waits for its standard input until the block is left."""
    code = "import sys; sys.stdout.write('up'); sys.stdout.flush(); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            if child.stdout is not None:
                child.stdout.read(2)  # only a started interpreter has stacks
            yield child.pid
        finally:
            child.kill()


def _refusal(pyspy: str) -> str | None:
    """The first line of py-spy's complaint, None where it has none."""
    with waiting_process() as pid:
        command = [pyspy, "dump", "--nonblocking", "--pid", str(pid)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TRACE_TIMEOUT_S, check=False)
    lines = (done.stderr.strip() or "no reason given").splitlines()
    return None if done.returncode == 0 else lines[0]
