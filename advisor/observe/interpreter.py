"""The interpreter that runs the script: which one, and whether it can host a run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from advisor.errors import InterpreterError

OLDEST_VERSION = (3, 11)

# A cold start from a slow network disk takes seconds; more than this is not an interpreter.
_PROBE_TIMEOUT_S = 30.0

# Written so that Python 2.7 can run it too: an interpreter that is too old shall say so, not fail to parse.
_PROBE = """
import json, os, platform, sys, sysconfig
paths = sysconfig.get_paths()
folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib") if name in paths]
try:
    import site
    folders += site.getsitepackages() + [site.getusersitepackages()]
except Exception:
    pass
try:
    from importlib.util import find_spec
    line_profiler = find_spec("line_profiler") is not None
except Exception:
    line_profiler = False
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "implementation": platform.python_implementation(),
    "gil": bool(getattr(sys, "_is_gil_enabled", lambda: True)()),
    "prefix": sys.prefix,
    "base_prefix": getattr(sys, "base_prefix", sys.prefix),
    "library_folders": sorted(set(os.path.realpath(folder) for folder in folders)),
    "line_profiler": line_profiler,
    "can_fork": hasattr(os, "fork"),
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """What is known of an interpreter after asking it once.

    `executable` is the path it is started by, `library_folders` the absolute folders of its standard library and
    installed packages, `gil` whether the GIL is on, `line_profiler` whether it can import that.
    """

    executable: str
    version: tuple[int, int, int]
    gil: bool
    prefix: str
    base_prefix: str
    library_folders: tuple[str, ...]
    line_profiler: bool
    can_fork: bool

    @property
    def version_text(self) -> str:
        """The version as `python --version` shows it, "3.11.7"."""
        return ".".join(map(str, self.version))

    @property
    def is_virtual(self) -> bool:
        """True in a virtual environment."""
        return self.prefix != self.base_prefix


def choose_interpreter(explicit: str | None = None, environment: Mapping[str, str] = os.environ) -> Interpreter:
    """The interpreter to run the script with, checked.

    `explicit` (`--python`: a path, or a name looked up on PATH) wins, then the active virtual environment's,
    then our own. Raises InterpreterError where it is missing, too old or not CPython.
    """
    if explicit is not None:
        return probe(_located(explicit, environment))
    environment_folder = environment.get("VIRTUAL_ENV")
    if environment_folder:
        candidate = Path(environment_folder) / "bin" / "python"
        if candidate.exists():
            return probe(str(candidate))
    return probe(sys.executable)


@cache
def probe(executable: str) -> Interpreter:
    """Ask `executable` about itself, in one short process. Raises InterpreterError where it cannot host a run."""
    facts = _ask(executable)
    version = ".".join(map(str, facts["version"]))
    if facts["implementation"] != "CPython":
        raise InterpreterError(
            f"{executable} is {facts['implementation']}, not CPython",
            why="the measurements rest on CPython's GIL and its frames",
            cure="choose a CPython 3.11 or newer with --python PATH",
        )
    if tuple(facts["version"][:2]) < OLDEST_VERSION:
        raise InterpreterError(
            f"{executable} is Python {version}",
            why="advise needs Python 3.11 or newer to run the script",
            cure="choose a newer interpreter with --python PATH",
        )
    major, minor, micro = facts["version"]
    return Interpreter(
        executable=executable,
        version=(major, minor, micro),
        gil=facts["gil"],
        prefix=facts["prefix"],
        base_prefix=facts["base_prefix"],
        library_folders=tuple(facts["library_folders"]),
        line_profiler=facts["line_profiler"],
        can_fork=facts["can_fork"],
    )


def _located(explicit: str, environment: Mapping[str, str]) -> str:
    """The path of the program the user named."""
    if os.sep not in explicit:
        found = shutil.which(explicit, path=environment.get("PATH"))
        if found is not None:
            return found
    path = Path(explicit)
    if not path.exists():
        raise InterpreterError(f"no interpreter at {explicit}", cure="give the path of a Python 3.11 or newer")
    if path.is_dir():
        raise InterpreterError(f"{explicit} is a folder", cure=f"give the program in it: {path / 'bin' / 'python'}")
    return explicit


def _ask(executable: str) -> dict[str, Any]:
    """Run the probe; its answer is the last line (a start-up file of the user may print before)."""
    refusal = f"{executable} does not answer as a Python interpreter"
    cure = "choose another interpreter with --python PATH"
    try:
        done = subprocess.run(
            [executable, "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InterpreterError(refusal, why=str(error), cure=cure) from error
    lines = done.stdout.splitlines()
    try:
        answer: dict[str, Any] = {**json.loads(lines[-1])}
    except (IndexError, TypeError, ValueError) as error:
        complaint = done.stderr.strip().splitlines()
        why = complaint[-1] if complaint else f"it ended with exit code {done.returncode}"
        raise InterpreterError(refusal, why=why, cure=cure) from error
    return answer
