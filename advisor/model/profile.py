"""Run 1 as people look at it: stacks with their seconds, threads over time, and the source that stands behind."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.model.ledger import KINDS
from advisor.model.shape import StackTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of one thread's life in which one kind of time (a field of `Ledger`) took most of it.

    Seconds count from the script's start.
    """

    start_s: float
    end_s: float
    state: str

    def __post_init__(self) -> None:
        if self.end_s < self.start_s or self.state not in KINDS:
            raise ValueError(f"no span: {self.start_s} to {self.end_s}, {self.state}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadLine:
    """One thread over time: spans in order, with gaps where it did not live. `main` marks the script's first thread."""

    pid: int
    tid: int
    spans: tuple[Span, ...]
    main: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceText:
    """A part of one file of the user's code, as it was when it ran: lines from `first` on, without their ends."""

    file: str
    first: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProfile:
    """What run 1 showed: all stacks, the threads that lived longest, how many more there were, the source of hot lines.

    `sources` is empty where the user wants none in the report.
    """

    stacks: tuple[StackTime, ...] = ()
    threads: tuple[ThreadLine, ...] = ()
    threads_left: int = 0
    sources: tuple[SourceText, ...] = ()
