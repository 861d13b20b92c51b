from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from advisor.cli import progress
from advisor.testing import FakeClock

STEPS = ("observe", "record", "replay", "report")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(display: progress.Silent) -> None:
    for name in STEPS:
        display.step(name, 6.0 if name == "record" else None)
        display.advance(0.5)
    display.close()


def test_quiet_says_nothing():
    stream = Terminal()
    run(progress.make(quiet=True, stream=stream))
    assert stream.getvalue() == ""


def test_a_log_gets_one_line_a_step():
    stream = io.StringIO()
    run(progress.make(quiet=False, stream=stream))
    lines = stream.getvalue().splitlines()
    assert [re.match(r"advise (\d)/4 (\w+): ", line).groups() for line in lines] == [
        (str(number), name) for number, name in enumerate(STEPS, 1)
    ]
    assert "about 6.00 s" in lines[1]
    assert "\x1b" not in stream.getvalue()


def test_nothing_moves_while_the_script_writes_to_the_same_terminal():
    stream = Terminal()
    display = progress.make(quiet=False, stream=stream)
    display.step("observe", None)
    shown = stream.getvalue()
    display.advance(0.5)
    assert shown.endswith("\n")
    assert "\x1b[2K" not in shown
    assert stream.getvalue() == shown
    display.close()


def test_a_live_step_counts_down_and_leaves_the_terminal_clean():
    clock = FakeClock()
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120, legacy_windows=False)
    display = progress.Live(console, now=clock.now)
    display.step("record", 6.0)
    clock.advance(2.0)
    display.close()
    assert "about 4 s left" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")


@pytest.mark.parametrize(
    ("elapsed_s", "fraction", "expected_s", "left_s"),
    [(2, 0, 6, 4), (9, 0, 6, 0), (2, 0.5, 60, 2), (2, 1, None, 0), (2, 0, None, None)],
)
def test_remaining_time_follows_the_pace_once_there_is_one(
    elapsed_s: float, fraction: float, expected_s: float | None, left_s: float | None
):
    assert progress.remaining_s(elapsed_s, fraction, expected_s) == left_s
