"""What a caller of the pipeline says and hears: options in, progress out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from advisor.model.target import AdviceSettings, Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviseOptions:
    """What the user asked for. `None` means the default; `budget_s` bounds the trials alone."""

    script: str | None = None
    module: str | None = None
    argv: tuple[str, ...] = ()
    python: str | None = None
    budget_s: float | None = None
    max_threads: int | None = None
    max_processes: int | None = None
    only: str | None = None
    replay_effects: Replay = "safe"

    @property
    def settings(self) -> AdviceSettings:
        """What of it an advice keeps, so that it can be made anew."""
        return AdviceSettings(
            budget_s=self.budget_s, max_threads=self.max_threads, max_processes=self.max_processes, only=self.only,
            replay_effects=self.replay_effects,
        )  # fmt: skip


class Progress(Protocol):
    """Told which step runs and how far it is. Steps: observe, record, replay, report."""

    def step(self, name: str, expected_s: float | None) -> None:
        """A step begins; `expected_s` is a guess at its length, None where there is no ground for one."""

    def advance(self, fraction: float) -> None:
        """`fraction` of the step, in [0, 1], is done."""

    def close(self) -> None:
        """No more steps."""
