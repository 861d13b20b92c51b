"""Runs of one revision kept for later: what `--save` writes and `--baseline` compares with."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.model.advice import Interval
from advisor.model.check import Run
from advisor.model.fingerprint import Fingerprint

BASELINE_SCHEMA = "advice-baseline/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScript:
    """The undisturbed runs of one script, in the order they were made.

    `name` is the script's in the check; `program` and `argv` are what was run ("-m tools.index" for a module).
    `aa_ratio` compares the revision with itself on that machine, None where that was not done.
    """

    name: str
    program: str
    argv: tuple[str, ...] = ()
    runs: tuple[Run, ...]
    aa_ratio: Interval | None = None

    def __post_init__(self) -> None:
        if not self.runs:
            raise ValueError(f"a baseline of {self.name!r} without a run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The runs of one revision on one machine. `created` is UTC, ISO 8601; `commit` is "" where there is none."""

    advisor_version: str
    created: str
    commit: str
    fingerprint: Fingerprint
    scripts: tuple[StoredScript, ...] = ()

    def __post_init__(self) -> None:
        names = [script.name for script in self.scripts]
        if len(set(names)) < len(names):
            raise ValueError("two scripts of a baseline have one name")

    def of(self, name: str) -> StoredScript | None:
        """The runs of the script of that name, None where it was not measured."""
        return next((script for script in self.scripts if script.name == name), None)
