"""Where py-spy may not look, a sampler inside the script tells the same; figures are marked, and the cure is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from advisor.observe.rights import ptrace_cure

TIMEOUT_S = 60
pytestmark = [pytest.mark.realtime, pytest.mark.timeout(2 * TIMEOUT_S)]

# py-spy is looked for beside our own interpreter: this one has a py-spy beside it that may not look.
AS_IF_AT = "import sys; sys.executable = sys.argv[1]; from advisor.cli import main; sys.exit(main(sys.argv[2:]))"
REFUSING = "#!/bin/sh\necho 'Permission Denied: Try running again with elevated permissions' >&2\nexit 1\n"

SLEEPS = """
import time
def fetch(n):
    time.sleep(0.04)
    return n
print(sum([fetch(n) for n in range(30)]))
"""
COMPUTES = """
def work(n):
    total = 0
    for i in range(300_000 + n):
        total += i * i % 7
    return total
print(sum([work(n) for n in range(40)]))
"""
HASHES = """
import hashlib
BLOCK = bytes(24_000_000)
def digest(n):
    return hashlib.sha256(BLOCK).hexdigest()
print(len({digest(n) for n in range(40)}))
"""
READS = """
import socket, threading, time
server = socket.create_server(("127.0.0.1", 0))
def serve():
    while True:
        connection, _ = server.accept()
        time.sleep(0.03)
        connection.sendall(b"x" * 100)
        connection.close()
threading.Thread(target=serve, daemon=True).start()
def load(n):
    with socket.create_connection(server.getsockname()) as connection:
        return len(connection.recv(1000))
print(sum([load(n) for n in range(40)]))
"""
POOL = """
import time
from concurrent.futures import ThreadPoolExecutor
def fetch(n):
    time.sleep(0.1)
    return n
with ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(fetch, range(50))))
"""
STARVED = 0.3
"""Part of the run from which on waiting for a core hides from inside whether a thread that computes holds the GIL."""
SCRIPTS = {
    "sleeps": (SLEEPS, ("fetch", "io-wait", "sleep")),
    "computes": (COMPUTES, ("work", "cpu-bound", "python")),
    "hashes": (HASHES, ("digest", "cpu-bound", "native")),
    "reads": (READS, ("load", "io-wait", "network")),
    "pool": (POOL, ("fetch", "io-wait", "sleep")),
}


@pytest.fixture
def refusing(tmp_path: Path) -> str:
    """An interpreter of ours with a py-spy beside it that may look at nothing."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "py-spy").write_text(REFUSING)
    (tmp_path / "bin" / "py-spy").chmod(0o755)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    return str(tmp_path / "bin" / "python")


def advise(at: str, folder: Path, environment: dict[str, str], *arguments: str) -> str:
    """What `advise` prints where it is installed beside the interpreter `at`."""
    done = subprocess.run(
        [sys.executable, "-c", AS_IF_AT, at, *arguments], cwd=folder, env=environment, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return " ".join(done.stdout.split())


def advice(at: str, folder: Path, environment: dict[str, str], source: str) -> tuple[str, dict[str, Any]]:
    """The report and the advice file of a script."""
    (folder / "script.py").write_text(source)
    options = ["--quiet", "--budget", "1", "--json", "advice.json", "--python", sys.executable]
    shown = advise(at, folder, environment, *options, "script.py")
    return shown, json.loads((folder / "advice.json").read_text())


def spoken_of(found: dict[str, Any]) -> dict[str, Any]:
    """The site the verdict speaks of."""
    return next(site for site in found["sites"] if site["id"] == found["recommendation"]["site"])


@pytest.mark.realtime
@pytest.mark.parametrize("name", SCRIPTS)
def test_both_ways_name_the_same_call_and_what_limits_it(
    name: str, refusing: str, tmp_path: Path, environment: dict[str, str]
):
    source, (callee, bound, detail) = SCRIPTS[name]
    sites, starved = [], False
    for at, watched_by in ((sys.executable, "py-spy"), (refusing, "sampler")):
        _, found = advice(at, tmp_path, environment, source)
        assert found["baseline"]["source"] == watched_by
        sites.append(spoken_of(found))
        starved |= found["baseline"]["runqueue_s"] > STARVED * found["baseline"]["wall_s"]
    outside, inside = sites
    assert {(site["callee"], site["bound"]) for site in sites} == {(callee, bound)}
    assert starved or {site["detail"] for site in sites} == {detail}
    assert (inside["line"], inside["calls"], inside["safety"]["status"], inside["current"]) == (
        outside["line"], outside["calls"], outside["safety"]["status"], outside["current"],
    )  # fmt: skip
    assert abs(inside["share"] - outside["share"]) < 0.2


def test_figures_are_marked_with_their_source_and_the_cure_is_told(
    refusing: str, tmp_path: Path, environment: dict[str, str]
):
    shown, found = advice(refusing, tmp_path, environment, COMPUTES)
    (told,) = [finding for finding in found["findings"] if finding["code"] == "ADV403"]
    assert told["evidence"]["cure"] == ptrace_cure()
    assert "Permission Denied" in told["message"]
    assert f"for finer shares: {ptrace_cure()}" in shown
    assert "of the script went, by the sampler" in shown
    assert "Shares: sampler" in shown
    assert {line["source"] for site in found["sites"] for line in site["lines"]} <= {"line_profiler", "sampler"}
    assert "sampler" in (tmp_path / "reports" / "script.html").read_text()


def test_doctor_shows_which_it_would_be(refusing: str, tmp_path: Path, environment: dict[str, str]):
    assert "it would watch run 1" in advise(sys.executable, tmp_path, environment, "doctor")
    shown = advise(refusing, tmp_path, environment, "doctor")
    assert "not permitted, a sampler inside the script would watch it instead" in shown
    assert f"py-spy: {ptrace_cure()}" in shown
