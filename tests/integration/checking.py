"""Run `advise check` in a repository as its user or a CI job does, and see what it says and what it leaves."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands import Command, Ended
from repositories import Repository

FAST, SLOW, SLOWER = (f"import time\ntime.sleep({seconds})\n" for seconds in (0.01, 0.1, 0.5))
"""The second takes three times as long as the first where Python starts in 35 ms, and 1.5 times where in 170 ms; the
third takes three times as long wherever."""
CERTAIN = ("--threshold", "15")
"""A limit between them."""
SHORT_S = "20"
"""Far more than the sixteen pairs take after which a difference like that is settled: 3 s on a quiet machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How a check ended, and its file for machines (empty where it wrote none)."""

    ended: Ended
    result: dict[str, Any]

    @property
    def code(self) -> int:
        return self.ended.code

    @property
    def outcome(self) -> str:
        return str(self.result["outcome"])

    @property
    def outcomes(self) -> dict[str, str]:
        """Of each script by its name."""
        return {script["name"]: script["outcome"] for script in self.result["scripts"]}

    def script(self, name: str) -> dict[str, Any]:
        return next(script for script in self.result["scripts"] if script["name"] == name)

    def rule(self, name: str, script: int = 0) -> dict[str, Any]:
        return next(rule for rule in self.result["scripts"][script]["rules"] if rule["rule"] == name)


class Checks(Command):
    """`advise check` in repositories below `folder`; what it writes goes to `folder`/out, outside of them."""

    leading = ("check",)

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        super().__init__(folder, environment)
        self.out = folder / "out"

    def options(self, *, quick: bool = True) -> tuple[str, ...]:
        """Options of a check that leaves nothing in the repository and is over soon."""
        written = ("--output", str(self.out), "--json", str(self.out / "check.json"), "--no-history")
        return (*(("--quick", "--budget", SHORT_S) if quick else ()), *written)

    def check(self, where: Repository | Path, *arguments: str, quick: bool = True, **variables: str) -> Checked:
        """Check in a repository, or a folder of one; nothing of it may stay, nor may a fault of ours show."""
        folder = where.path if isinstance(where, Repository) else where
        (self.out / "check.json").unlink(missing_ok=True)
        environment = {**self.environment, **variables}
        ended = self.run(*self.options(quick=quick), *arguments, cwd=folder, env=environment)
        assert ended.clean, (ended.processes, ended.files, ended.err)
        written = self.out / "check.json"
        return Checked(ended=ended, result=json.loads(written.read_text()) if written.exists() else {})

    def stop(
        self, number: signal.Signals, where: Repository, step: str, *arguments: str, quick: bool = True,
        after_s: float = 0.05,
    ) -> Ended:  # fmt: skip
        """Send `number` so long after `step` was announced."""
        options = self.options(quick=quick)
        return self.stopped(number, step, *options, *arguments, after_s=after_s, cwd=where.path)


def changed(path: Path, base: dict[str, str], head: dict[str, str]) -> Repository:
    """A repository whose branch `feature`, checked out, has the files `head` over those of `main`, `base`."""
    repository = Repository.made(path)
    for files in (base, head):
        for name, text in files.items():
            repository.put(name, text)
        repository.commit()
        if files is base:
            repository.git("checkout", "--quiet", "-b", "feature")
    return repository
