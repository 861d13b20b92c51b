"""Undisturbed runs: what the kernel says of them, and that nothing of them or of ours stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from advisor.errors import ObserveError
from advisor.observe.plain import Command, Timer

LONG_S = 30.0


@pytest.fixture
def timer() -> Iterator[Timer]:
    with Timer() as one:
        yield one


def command(folder: Path, source: str, *argv: str, **given: str) -> Command:
    script = folder / "script.py"
    script.write_text(textwrap.dedent(source))
    return Command(argv=(sys.executable, str(script), *argv), cwd=str(folder), **given)


def test_figures_are_those_of_the_script(timer: Timer, tmp_path: Path) -> None:
    source = "import time; time.sleep(1.0); x = bytearray(80_000_000)"
    ended, run = timer.run(command(tmp_path, source), timeout_s=LONG_S)
    assert not ended.failed
    assert run is not None
    assert run.wall_s > 1.0 > run.cpu_s
    assert run.voluntary_switches >= 1
    assert 80_000_000 < run.peak_rss_bytes < 200_000_000


def test_memory_of_a_small_script_is_not_that_of_a_large_host(timer: Timer, tmp_path: Path) -> None:
    large = bytearray(300_000_000)
    _, run = timer.run(command(tmp_path, "pass"), timeout_s=LONG_S)
    assert run is not None
    assert run.peak_rss_bytes < len(large) / 4


def test_what_child_processes_compute_counts(timer: Timer, tmp_path: Path) -> None:
    source = """
        import subprocess, sys
        child = "import time; end = time.process_time() + 0.2\\nwhile time.process_time() < end: pass"
        subprocess.run([sys.executable, "-c", child])
        """
    _, run = timer.run(command(tmp_path, source), timeout_s=LONG_S)
    assert run is not None
    assert run.cpu_s > 0.2


def test_arguments_folder_environment_and_input_reach_the_script(timer: Timer, tmp_path: Path) -> None:
    source = """
        import os, sys
        ok = sys.argv[1:] == ["two words", "ü"] and os.environ.get("ONLY") == "this" and sys.stdin.read() == "in"
        sys.exit(0 if ok and os.getcwd() == os.path.dirname(os.path.realpath(__file__)) else 3)
        """
    given = tmp_path / "input.txt"
    given.write_text("in")
    one = command(tmp_path, source, "two words", "ü")
    ended, _ = timer.run(
        Command(argv=one.argv, cwd=one.cwd, environment=os.environ | {"ONLY": "this"}, stdin=str(given)),
        timeout_s=LONG_S,
    )
    assert ended.code == 0


def test_a_failure_is_told_with_its_last_line(timer: Timer, tmp_path: Path) -> None:
    ended, run = timer.run(command(tmp_path, "print('x' * 100_000); 1 / 0"), timeout_s=LONG_S)
    assert (ended.code, ended.error) == (1, "ZeroDivisionError: division by zero")
    assert run is not None


def test_a_script_killed_by_a_signal_is_told_so(timer: Timer, tmp_path: Path) -> None:
    ended, _ = timer.run(command(tmp_path, "import os; os.kill(os.getpid(), 11)"), timeout_s=LONG_S)
    assert (ended.code, ended.error) == (139, "killed by SIGSEGV")


def test_a_run_that_does_not_end_is_stopped_with_what_it_started(timer: Timer, tmp_path: Path) -> None:
    source = """
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open("pid", "w").write(str(child.pid))
        time.sleep(60)
        """
    ended, run = timer.run(command(tmp_path, source), timeout_s=5.0)
    assert run is None
    assert ended.failed
    assert "did not end within 5 s" in str(ended.error)
    assert gone(int((tmp_path / "pid").read_text()))
    assert timer.run(command(tmp_path, "pass"), timeout_s=LONG_S)[0].code == 0  # and the next one runs


def test_a_process_left_behind_does_not_compete_with_the_next_run(timer: Timer, tmp_path: Path) -> None:
    source = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open("pid", "w").write(str(child.pid))
        """
    ended, run = timer.run(command(tmp_path, source), timeout_s=LONG_S)
    assert not ended.failed
    assert run is not None
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_program_that_is_not_there_is_told(timer: Timer, tmp_path: Path) -> None:
    with pytest.raises(ObserveError, match="cannot start"):
        timer.run(Command(argv=(str(tmp_path / "none"),), cwd=str(tmp_path)), timeout_s=LONG_S)


def test_nothing_stays_where_the_host_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "long.py"
    script.write_text("import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)")
    host = tmp_path / "host.py"
    host.write_text(
        "import sys\n"
        "from advisor.observe.plain import Command, Timer\n"
        f"command = Command(argv=(sys.executable, {str(script)!r}), cwd={str(tmp_path)!r})\n"
        "with Timer() as timer: timer.run(command, timeout_s=50)\n"
    )
    process = subprocess.Popen([sys.executable, str(host)])
    pid = tmp_path / "pid"
    assert until(lambda: pid.exists() and pid.read_text() != "")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert gone(int(pid.read_text()))


def gone(pid: int) -> bool:
    def ended() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return until(ended)


def until(condition: object, limit_s: float = 10.0) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
