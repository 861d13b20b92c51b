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
from advisor.observe.rights import CONTAINER_MARKS, NO_PYSPY_CURE, PROC, YAMA, ptrace_cure

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE_TIMEOUT_S = 20.0
YAMA_MEANING = {
    "0": "any process of the same user may be traced",
    "1": "only children, and those that permit it as advise makes the script do",
    "2": "only with CAP_SYS_PTRACE",
    "3": "no process may be traced",
}
"""Source: the kernel's documentation, admin-guide/LSM/Yama."""


INSTEAD = "a sampler inside the script would watch it instead, and see less"


def tracing(pyspy: str | None, *, yama: Path = YAMA, marks: tuple[Path, ...] = CONTAINER_MARKS) -> Check:
    """What would watch run 1: py-spy, where it may look at a process of ours that waits for its standard input."""
    if pyspy is None:
        return Check(name="py-spy", status="warning", found=f"not found: {INSTEAD}", cure=NO_PYSPY_CURE)
    try:
        refusal = _refusal(pyspy)
    except (OSError, subprocess.SubprocessError) as error:
        refusal = str(error)
    if refusal is None:
        return Check(name="py-spy", status="ok", found="may read the script's stacks: it would watch run 1")
    found = f"not permitted, {INSTEAD}: {refusal}"
    return Check(name="py-spy", status="warning", found=found, cure=ptrace_cure(yama, marks))


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
