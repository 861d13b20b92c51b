"""How often a server and a file see the script's calls: as by the two runs, and no more unless that was allowed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from commands import Command

pytestmark = pytest.mark.realtime

CALLS = 25
SCRIPT = f"""
import sys, time, urllib.request
METHOD, URL, FILE = sys.argv[1:]
def call(n):
    time.sleep(0.01)
    if METHOD == "write":
        with open(FILE, "a") as out:
            out.write(f"{{n}} ")
    else:
        request = urllib.request.Request(f"{{URL}}{{n}}", method=METHOD, data=b"x" if METHOD == "POST" else None)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
for n in range({CALLS}):
    call(n)
"""


@pytest.fixture
def command(tmp_path: Path, environment: dict[str, str]) -> Command:
    return Command(tmp_path, environment)


@pytest.fixture
def server() -> Iterator[tuple[str, Counter[str]]]:
    """A server's address, and how many requests of each method it has had."""
    seen: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            seen[self.command] += 1
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_POST = answer  # noqa: N815  # the names that the standard library calls

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{web.server_address[1]}/", seen
    web.shutdown()
    web.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("method", "consent", "only_the_runs"),
    [
        ("GET", "none", True), ("GET", "safe", False), ("POST", "none", True), ("POST", "safe", True),
        ("POST", "all", False), ("write", "none", True), ("write", "safe", True), ("write", "all", False),
    ],
)  # fmt: skip
def test_nothing_is_sent_or_written_more_often_than_by_the_two_runs_unless_that_was_allowed(
    method: str, consent: str, only_the_runs: bool, command: Command, server: tuple[str, Counter[str]]
) -> None:
    address, seen = server
    file = command.folder / "written.txt"
    options = ("--quiet", "--budget", "1", f"--replay-effects={consent}", "--output", str(command.folder))
    ended = command.run(*options, command.script(SCRIPT), method, address, str(file))
    assert ended.clean
    times = len(file.read_text().split()) if method == "write" else seen[method]
    assert (times == 2 * CALLS) == only_the_runs
    assert times >= 2 * CALLS
    if method == "POST" and consent == "safe":
        assert "--replay-effects" in ended.out or "not replayed" in ended.out
