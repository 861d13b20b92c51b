"""What every test owes the next one: nothing of ours outlives it."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest

# The same examples each time, however slow the machine: who changes the code meets what they broke, and nobody else.
# To look for new ones: HYPOTHESIS_PROFILE=default.
hypothesis.settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

SETTLE_S = 3.0
"""How long a thread or child that is on its way out may take to go; a loaded machine needs some of it."""


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Shells start background jobs with SIGINT ignored, `nohup` with SIGHUP, and programs inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def private_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A temporary folder for this session and the programs it runs, so that what is left in it was left by a test."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def leaves_nothing_behind(private_temporary_folder: Path) -> Iterator[None]:
    """No profile or trace hook, monitoring tool, thread, child process or temporary file outlives a test."""
    before = _Traces(private_temporary_folder)
    yield
    after = before.when_settled()
    assert after.hooks == before.hooks, "a profile or trace hook was left in this interpreter"
    assert after.tools == before.tools, "a sys.monitoring tool was left registered"
    assert not after.threads - before.threads, "threads outlive the test"
    assert not after.children - before.children, "child processes outlive the test"
    assert not after.files - before.files, "temporary files outlive the test"


class _Traces:
    """What a test could leave in the interpreter, the process table and the temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hooks = (sys.getprofile(), sys.gettrace(), threading.getprofile(), threading.gettrace())
        self.tools = _monitoring_tools()
        self.threads = {thread for thread in threading.enumerate() if thread.is_alive()}
        self.children = set(psutil.Process().children(recursive=True))
        self.files = set(folder.iterdir())

    def when_settled(self) -> _Traces:
        """Look again, once what was started since has ended or had time to."""
        psutil.wait_procs(set(psutil.Process().children(recursive=True)) - self.children, SETTLE_S)
        for thread in set(threading.enumerate()) - self.threads:
            thread.join(SETTLE_S)
        return _Traces(self.folder)


def _monitoring_tools() -> tuple[str | None, ...]:
    """Names of the tools registered with `sys.monitoring`, by slot; empty before Python 3.12."""
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        return ()
    get_tool: Callable[[int], str | None] = monitoring.get_tool
    return tuple(get_tool(slot) for slot in range(6))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root folder."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def environment(repository: Path) -> dict[str, str]:
    """Variables for programs a test runs: this checkout's package first, no byte code, no options of our pytest."""
    path = os.pathsep.join(filter(None, [str(repository), os.environ.get("PYTHONPATH")]))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**inherited, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
