"""User-mode instructions of a run, counted by `perf stat` where kernel and processor let it: a second witness."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.observe.plain import Command, Timer

EVENT = "instructions:u"
_PROBE_TIMEOUT_S = 10.0


@cache
def perf() -> str | None:
    """The path of a `perf` that counts instructions here, None where there is none."""
    found = shutil.which("perf")
    if found is None:
        return None
    with tempfile.TemporaryDirectory(prefix="advise-") as name:
        file = Path(name) / "count"
        try:
            subprocess.run([found, *_options(file), "true"], capture_output=True, timeout=_PROBE_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return found if file.exists() and counted(file.read_text(errors="replace")) is not None else None


def counted_instructions(timer: Timer, command: Command, *, timeout_s: float) -> float | None:
    """Instructions of one more run of `command`, its children included; None where they were not counted."""
    program = perf()
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="advise-") as name:
        file = Path(name) / "count"
        counting = replace(command, argv=(program, *_options(file), *command.argv))
        ended, _ = timer.run(counting, timeout_s=timeout_s)
        return counted(file.read_text(errors="replace")) if not ended.failed and file.exists() else None


def counted(text: str) -> float | None:
    """The count in the output of `perf stat -x,` (perf-stat(1), "CSV FORMAT"): value, unit, event, ..."""
    for line in text.splitlines():
        value, _, rest = line.partition(",")
        if EVENT in rest.split(",") and value.isdigit():
            return float(value)
    return None


def _options(file: Path) -> tuple[str, ...]:
    return ("stat", "-x", ",", "-e", EVENT, "-o", str(file), "--")
