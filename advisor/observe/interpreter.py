"""The interpreter that runs the script: which one, and whether it can host a run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from advisor.errors import InterpreterError
from advisor.model.target import OWN_INTERPRETER

OLDEST_VERSION = (3, 11)

BESIDE = ".venv"
"""The usual name of a project's own virtual environment."""

# A cold start from a slow network disk takes seconds; more than this is not an interpreter.
_PROBE_TIMEOUT_S = 30.0

# Written so that Python 2.7 can run it too: an interpreter that is too old shall say so, not fail to parse.
_PROBE = """
import sys
if sys.path[:1] == [""]: del sys.path[0]
import json, os, platform, sysconfig
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
    installed packages, `gil` whether the GIL is on, `line_profiler` whether it can import that, `why` why it was
    chosen, in words.
    """

    executable: str
    version: tuple[int, int, int]
    gil: bool
    prefix: str
    base_prefix: str
    library_folders: tuple[str, ...]
    line_profiler: bool
    can_fork: bool
    why: str = OWN_INTERPRETER

    @property
    def version_text(self) -> str:
        """The version as `python --version` shows it, "3.11.7"."""
        return ".".join(map(str, self.version))

    @property
    def is_virtual(self) -> bool:
        """True in a virtual environment."""
        return self.prefix != self.base_prefix


def choose_interpreter(
    explicit: str | None = None, environment: Mapping[str, str] = os.environ, *, beside: Path | None = None
) -> Interpreter:
    """The interpreter to run the script with, checked, and why it is that one.

    `explicit` (`--python`: a path, or a name looked up on PATH) wins, then the active virtual environment's, then
    that of `.venv` in the folder `beside`, then our own. Raises InterpreterError where it is missing, too old or not
    CPython: packages the script needs would not be found in another.
    """
    executable, why = _chosen(explicit, environment, beside)
    return replace(probe(executable), why=why)


def folder_beside(script: str | None) -> Path:
    """Where the `.venv` of a script lies: in its folder, links followed; a module's (None) in the working folder."""
    if script is None:
        return Path.cwd()
    path = Path(script).resolve()
    return path if path.is_dir() else path.parent


def _chosen(explicit: str | None, environment: Mapping[str, str], beside: Path | None) -> tuple[str, str]:
    """The program, and why it is that one."""
    if explicit is not None:
        return _located(explicit, environment), "named with --python"
    active = environment.get("VIRTUAL_ENV")
    for folder, why in (
        (active and Path(active), "the active virtual environment's"),
        (beside and beside / BESIDE, f"of {BESIDE} beside the script"),
    ):
        if folder and (folder / "bin" / "python").exists():
            return str(folder / "bin" / "python"), why
    return sys.executable, OWN_INTERPRETER


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


def away_from_here() -> dict[str, str]:
    """Variables for a program of ours: it finds no modules in the working folder, where a script may be json.py.

    Before Python 3.11 they say nothing; the probe, which such a one may run, sees to it by itself.
    """
    return {**os.environ, "PYTHONSAFEPATH": "1"}


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
            env=away_from_here(),
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
