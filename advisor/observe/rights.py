"""What gives the right to look at another process on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

PROC = Path("/proc")
YAMA = PROC / "sys/kernel/yama/ptrace_scope"
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
NO_PYSPY_CURE = "pip install py-spy"


def ptrace_cure(yama: Path = YAMA, marks: tuple[Path, ...] = CONTAINER_MARKS) -> str:
    """What gives the ptrace right on this kind of machine."""
    if sys.platform == "darwin":
        return "run advise as root (sudo); macOS grants this right to no one else"
    if any(mark.exists() for mark in marks):
        return "start the container with --cap-add SYS_PTRACE"
    scope = yama.read_text().strip() if yama.exists() else ""
    return "sudo sysctl kernel.yama.ptrace_scope=1" if scope in ("2", "3") else "run advise as the script's own user"
