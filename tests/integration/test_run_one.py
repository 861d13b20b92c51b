"""`observe`: the whole of run 1, with nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from advisor.errors import ObserveError
from advisor.model.observation import Observation
from advisor.model.target import Target
from advisor.observe.run import observe
from advisor.observe.stdin import keep_stdin
from advisor.observe.watch import Watch

pytestmark = pytest.mark.realtime

SPIN = """
import sys, threading, time
def work():
    end = time.monotonic() + 0.8
    while time.monotonic() < end:
        sum(range(1000))
print(sorted(name for name in sys.modules if 'advisor' in name or name == '_json'), threading.active_count())
work()
1 / 0
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder temporary files go to in this test."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@pytest.fixture(autouse=True)
def _nothing_left(temporary: Path) -> Iterator[None]:
    yield
    assert list(temporary.iterdir()) == []
    assert psutil.Process().children(recursive=True) == []


@pytest.fixture
def target(tmp_path: Path) -> Target:
    script = tmp_path / "script.py"
    script.write_text(SPIN)
    return Target(python=sys.executable, script=str(script), roots=(str(tmp_path),))


def functions(observation: Observation) -> set[str]:
    return {frame.function for stack in observation.stacks for frame in stack if frame.own}


def test_script_is_seen_and_undisturbed(target: Target, capfd: pytest.CaptureFixture[str]):
    seconds: list[float] = []
    observation = observe(target, keep_stdin(), progress=seconds.append)
    output, errors = capfd.readouterr()
    plain = subprocess.run([sys.executable, str(target.script)], capture_output=True, text=True, check=False)
    assert (output, errors) == (plain.stdout, plain.stderr)
    assert observation.exit.code == 1
    assert observation.exit.error == "ZeroDivisionError: division by zero"
    assert "work" in functions(observation)
    assert seconds == sorted(seconds)
    assert len(seconds) > 1


def test_without_the_right_to_look_the_script_is_seen_from_inside(target: Target, capfd: pytest.CaptureFixture[str]):
    observation = observe(target, keep_stdin(), watch_factory=partial(Watch, pyspy="/bin/false"))
    output, errors = capfd.readouterr()
    plain = subprocess.run([sys.executable, str(target.script)], capture_output=True, text=True, check=False)
    assert (output, errors) == (plain.stdout, plain.stderr)
    assert observation.source == "sampler"
    assert observation.exit.code == 1
    assert "work" in functions(observation)


def test_watch_that_fails_ends_the_script(target: Target):
    class Broken(Watch):
        def attach(self) -> None:
            raise ObserveError("broken")

    with pytest.raises(ObserveError, match="broken"):
        observe(target, keep_stdin(), watch_factory=Broken)


def test_a_script_that_hangs_is_stopped_at_its_limit(target: Target):
    script = Path(str(target.script))
    script.write_text("import time\ntime.sleep(60)\n")
    observation = observe(target, keep_stdin(), timeout_s=1.5)
    assert (observation.exit.code, observation.exit.error) == (137, "killed by SIGKILL")
    assert 1.0 < observation.wall_s < 30.0


def test_interpreter_that_does_not_come_up(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "sitecustomize.py").write_text("import os, sys\nif len(sys.orig_argv) > 3: os._exit(7)\n")
    monkeypatch.setitem(os.environ, "PYTHONPATH", str(tmp_path))
    with pytest.raises(ObserveError, match="did not come up"):
        observe(target, keep_stdin())
