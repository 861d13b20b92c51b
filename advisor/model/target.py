"""What is to be advised: a script or a module, its arguments, and the interpreter that runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Replay = Literal["none", "safe", "all"]
"""Calls that may be run again: none that reach beyond the machine's own reading, those that only read, or all."""


OWN_INTERPRETER = "advise's own: no virtual environment is active, nor is there a .venv beside the script"
"""Why `advise` runs a script with the interpreter it runs on itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and how a run takes place: its folder and its whole environment, None for ours.

    `quiet` throws its output away.
    """

    cwd: str | None = None
    environment: tuple[tuple[str, str], ...] | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One program of the user.

    Exactly one of `script` (a path as the user typed it) and `module` (for `-m`) is set. `argv` are the
    arguments after it. `roots` are the absolute folders whose Python files count as the user's own code.
    `python_why` says why this interpreter.
    """

    python: str
    script: str | None = None
    module: str | None = None
    argv: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    python_why: str = OWN_INTERPRETER
    place: Place = field(default_factory=Place)

    def __post_init__(self) -> None:
        if (self.script is None) == (self.module is None):
            raise ValueError("a target is either a script or a module")

    @property
    def name(self) -> str:
        """Name for titles and file names: the script's stem or the dotted module."""
        return Path(self.script).stem if self.script is not None else str(self.module)

    @property
    def shown(self) -> str:
        """The target as the user typed it, without its arguments."""
        return self.script if self.script is not None else f"-m {self.module}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceSettings:
    """How the user wanted to be advised: `budget_s` for the trials, the largest pools, one function only (None: unset).

    The defaults are what `advise` does unasked.
    """

    budget_s: float | None = None
    max_threads: int | None = None
    max_processes: int | None = None
    only: str | None = None
    replay_effects: Replay = "safe"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptExit:
    """How a run of the script ended.

    `code` is the exit status a shell would show (128 + N for signal N). `error` is the last line of an
    unhandled exception or the name of the signal, None for a clean end. `interrupted` is True after Ctrl-C.
    """

    code: int = 0
    error: str | None = None
    interrupted: bool = False

    @property
    def failed(self) -> bool:
        """True where the script did not end well by itself."""
        return self.code != 0 or self.interrupted
