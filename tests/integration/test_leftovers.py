"""Ctrl-C and other signals in each step: nothing stays behind, and what is known is told."""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
import termios
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from commands import ENDLESS, HOT, Command

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.realtime

STEPS = {"observe": "1/4", "record": "2/4", "replay": "3/4"}
LONG = HOT + "for _ in range(16):\n    work(700_000)\n"
STARTED = "open('started', 'w').close()\n"
"""How a script tells that it runs: the recorders take their time before."""


@pytest.fixture
def command(tmp_path: Path, environment: dict[str, str]) -> Command:
    return Command(tmp_path, environment)


def test_an_endless_script_is_stopped_and_what_was_seen_is_told(command: Command):
    ended = command.stopped(
        signal.SIGINT,
        STEPS["observe"],
        "--json",
        "a.json",
        command.script(STARTED + ENDLESS),
        after_s=1.0,
        made="started",
    )
    assert (ended.code, ended.clean) == (130, True)
    advice = json.loads((command.folder / "a.json").read_text())
    assert advice["script"]["interrupted"]
    assert [site["function"] for site in advice["sites"]]


def test_an_interrupt_while_the_recorders_start_leaves_none(command: Command):
    ended = command.stopped(signal.SIGINT, STEPS["observe"], command.script(ENDLESS), after_s=0.02)
    assert (ended.code, ended.clean) == (130, True)


def test_a_script_that_ignores_interrupts_is_ended_by_the_second(command: Command):
    deaf = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + STARTED + ENDLESS
    ended = command.stopped(signal.SIGINT, STEPS["observe"], command.script(deaf), after_s=1.0, times=2, made="started")
    assert (ended.code, ended.clean) == (130, True)
    assert "Stopped before its end" in ended.out


@pytest.mark.parametrize("step", ["record", "replay"])
def test_an_interrupt_after_run_1_gives_what_is_known(command: Command, step: str):
    ended = command.stopped(signal.SIGINT, STEPS[step], "--budget", "5", command.script(LONG))
    assert (ended.code, ended.clean) == (130, True)
    assert "work" in ended.out
    assert "interrupted: the advice above is on what was known by then" in ended.err
    assert (command.folder / "reports/script.html").exists()


@pytest.mark.parametrize("step", ["record", "replay"])
def test_a_second_interrupt_gives_up_and_leaves_nothing(command: Command, step: str):
    ended = command.stopped(signal.SIGINT, STEPS[step], "--budget", "5", command.script(LONG), after_s=0.1, times=2)
    assert ended.code in (130, -signal.SIGINT)  # the latter where the second came when all was done
    assert ended.clean


@pytest.mark.parametrize(
    ("step", "number"), [("observe", signal.SIGHUP), ("record", signal.SIGTERM), ("replay", signal.SIGTERM)]
)
def test_a_signal_that_ends_us_ends_all_of_it(command: Command, step: str, number: signal.Signals):
    ended = command.stopped(number, STEPS[step], "--budget", "5", command.script(LONG), after_s=0.3)
    assert (ended.code, ended.clean) == (128 + number, True)
    assert "ended by a signal" in ended.err


def test_ctrl_c_at_a_terminal_is_the_scripts_and_its_modes_are_put_back(command: Command):
    script = command.script(STARTED + ENDLESS)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(command.folder)
        os.execve(sys.executable, [sys.executable, "-m", "advisor", script], command.environment)
    modes = termios.tcgetattr(terminal)
    shown = b""
    while STEPS["observe"].encode() not in shown:
        shown += os.read(terminal, 4096)
    command.until(command.folder / "started")
    time.sleep(0.5)
    os.write(terminal, b"\x03")
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:  # the other side is closed
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert termios.tcgetattr(terminal) == modes
    os.close(terminal)
    assert shown.count(b"KeyboardInterrupt\r\n") == 1
    assert b"Stopped before its end" in shown
    assert list(command.temporary.iterdir()) == []


def test_what_the_script_leaves_running_on_purpose_goes_on(command: Command):
    script = """
import subprocess
quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
print(subprocess.Popen(["sleep", "60"], start_new_session=True, **quiet).pid)
"""
    ended = command.run("--quiet", command.script(script))
    daemon = psutil.Process(int(ended.out.split()[0]))
    assert ended.processes == ("sleep 60",)
    daemon.kill()
    psutil.wait_procs([daemon], 3)
