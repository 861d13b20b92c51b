"""Which step runs and how long it will still take, on standard error only."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from advisor.report import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from advisor import pipeline

STEPS = {
    "observe": "run 1 of 2, undisturbed; the script's own output follows",
    "record": "run 2 of 2, keeping its calls; the script's output is held back",
    "replay": "trials on forked copies of the finished script",
    "report": "writing down what was seen",
}
OWN_OUTPUT = "observe"  # the step in which the script writes to the same terminal
REFRESH_HZ = 2.0  # each refresh takes CPU from the trials being timed


class Silent:
    """Shows nothing."""

    def step(self, name: str, expected_s: float | None) -> None:
        """A step begins."""

    def advance(self, fraction: float) -> None:
        """`fraction` of the step, in [0, 1], is done."""

    def close(self) -> None:
        """No more steps."""


class Plain(Silent):
    """One line a step, for logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def step(self, name: str, expected_s: float | None) -> None:
        """Print the step with its expected seconds."""
        about = f" (about {words.seconds(expected_s)})" if expected_s else ""
        print(title(name) + about, file=self._stream, flush=True)


class Live(Silent):
    """A bar that counts down, except while the script writes to the same terminal: then one line before it."""

    def __init__(self, console: Console, now: Callable[[], float] = monotonic) -> None:
        self._console = console
        self._now = now
        self._bar: Progress | None = None

    def step(self, name: str, expected_s: float | None) -> None:
        """End the step before and show this one."""
        self.close()
        if name == OWN_OUTPUT:
            self._console.print(title(name), markup=False, highlight=False, soft_wrap=True)
            return
        self._bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=16), _Remaining(),
            console=self._console, transient=True, refresh_per_second=REFRESH_HZ, get_time=self._now,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._bar.add_task(title(name).partition(":")[0], total=None, expected_s=expected_s)
        self._bar.start()

    def advance(self, fraction: float) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=fraction, total=1.0)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def make(*, quiet: bool, stream: TextIO | None = None) -> pipeline.Progress:
    """The display that suits `stream` (default: standard error)."""
    stream = stream if stream is not None else sys.stderr
    if quiet or stream is None:  # None: standard error is closed
        return Silent()
    return Live(Console(file=stream)) if stream.isatty() else Plain(stream)


def title(name: str) -> str:
    """`advise 2/4 record: ...`."""
    number = list(STEPS).index(name) + 1 if name in STEPS else 0
    return f"advise {number}/{len(STEPS)} {name}: {STEPS[name]}" if number else f"advise {name}"


def remaining_s(elapsed_s: float, fraction: float, expected_s: float | None) -> float | None:
    """Seconds a step will still take: by its pace once it has moved, else by what was expected; None if unknown."""
    if fraction > 0:
        return elapsed_s * (1 - fraction) / fraction
    return max(0.0, expected_s - elapsed_s) if expected_s is not None else None


class _Remaining(ProgressColumn):
    """`about 12 s left`, nothing where it cannot be known."""

    def render(self, task: Task) -> Text:
        left_s = remaining_s(task.elapsed or 0.0, task.percentage / 100, task.fields["expected_s"])
        return Text(f"about {left_s:.0f} s left" if left_s is not None else "")
