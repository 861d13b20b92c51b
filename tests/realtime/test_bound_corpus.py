"""Scripts of one idea each, observed, recorded and analysed as `advise` does: what limits the hot call is what it says.

`test_bound_corpus.py` as a program prints the confusion matrix.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from pathlib import Path
from statistics import median

import pytest

from advisor.analyse.sites import build, hot_lines
from advisor.model.site import Site
from advisor.model.target import Target
from advisor.observe.run import observe
from advisor.observe.stdin import keep_stdin
from advisor.record.run import RecordPlan, record

pytestmark = pytest.mark.realtime

SCRIPT_S = 0.9
FASTEST_DISK_S = 2e-5
"""A file system in memory takes a tenth of it."""
HEADER = f"""\
import concurrent.futures, hashlib, json, os, queue, re, socket, subprocess, sys, tempfile, threading, time, zlib
END = time.monotonic() + {SCRIPT_S}
def more(): return time.monotonic() < END
"""
LOOP = """
while more():
    step()
"""
CROWD = """
def turns():
    while more():
        step()
threads = [threading.Thread(target=turns) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
# (bound, detail) -> name -> what comes before the loop
CORPUS: dict[tuple[str, str], dict[str, str]] = {
    ("io-wait", "sleep"): {
        "a pause in a helper": """
            def rest(): time.sleep(0.02)
            def step(): rest()
        """,
        "polling with a pause": """
            done = []
            def step():
                for _ in range(4):
                    if not done: time.sleep(0.005)
        """,
    },
    ("io-wait", "network"): {
        "a slow server": """
            server = socket.create_server(("127.0.0.1", 0))
            def serve():
                connection, _ = server.accept()
                while connection.recv(1):
                    time.sleep(0.02)
                    connection.sendall(b"x")
            threading.Thread(target=serve, daemon=True).start()
            client = socket.create_connection(server.getsockname())
            def step():
                client.sendall(b"x")
                return client.recv(1)
        """,
        "an answer with a time limit": """
            server = socket.create_server(("127.0.0.1", 0))
            def serve():
                connection, _ = server.accept()
                while more():
                    time.sleep(0.02)
                    connection.sendall(b"x")
            threading.Thread(target=serve, daemon=True).start()
            client = socket.create_connection(server.getsockname(), timeout=5)
            def step(): return client.recv(1)
        """,
    },
    ("io-wait", "pipe"): {
        "another thread's pipe": """
            reader, writer = os.pipe()
            def feed():
                while True:
                    time.sleep(0.02)
                    os.write(writer, b"x")
            threading.Thread(target=feed, daemon=True).start()
            def step(): return os.read(reader, 1)
        """,
        "a program's answers": """
            child = subprocess.Popen(
                [sys.executable, "-uc", "import time\\nwhile True:\\n time.sleep(0.02)\\n print(1)"],
                stdout=subprocess.PIPE,
            )
            def step(): return child.stdout.readline()
            import atexit
            atexit.register(child.kill)
        """,
    },
    ("io-wait", "child-process"): {
        "a program and its end": """
            def step(): subprocess.run(["sleep", "0.1"])
        """,
        "a fork and its end": """
            def step():
                child = os.fork()
                if not child:
                    time.sleep(0.05)
                    os._exit(0)
                os.waitpid(child, 0)
        """,
    },
    ("cpu-bound", "python"): {
        "a loop": """
            def step():
                total = 0
                for number in range(20_000): total += number * number
        """,
        "a library that keeps the GIL": """
            rows = [{"a": n, "b": str(n)} for n in range(5_000)]
            def step(): return json.loads(json.dumps(rows))
        """,
        "a search by pattern": """
            text = "ab" * 50_000
            def step(): return len(re.findall("[ab]c|ba", text))
        """,
    },
    ("cpu-bound", "native"): {
        "a digest": """
            block = bytes(4_000_000)
            def step(): return hashlib.sha256(block).hexdigest()
        """,
        "a compressor": """
            block = os.urandom(1_000_000)
            def step(): return len(zlib.compress(block))
        """,
    },
    ("lock-wait", "lock"): {
        "a lock that another thread holds": """
            lock = threading.Lock()
            def hold():
                while more():
                    with lock: time.sleep(0.1)
                    time.sleep(0.005)  # or nobody else would ever have it
            threading.Thread(target=hold).start()
            time.sleep(0.02)
            def step():
                with lock: pass
        """,
        "a lock that all threads hold in turn": """
            lock = threading.Lock()
            def step():
                with lock: time.sleep(0.01)
        """,
    },
    ("lock-wait", "gil"): {
        "threads that compute": """
            def step():
                total = 0
                for number in range(50_000): total += number * number
        """,
    },
    ("mixed", "any"): {
        "as much waiting as computing": """
            def step():
                time.sleep(0.02)
                ends = time.thread_time() + 0.02
                while time.thread_time() < ends: pass
        """,
        "native code and the network": """
            server = socket.create_server(("127.0.0.1", 0))
            def serve():
                connection, _ = server.accept()
                while connection.recv(1):
                    time.sleep(0.02)
                    connection.sendall(b"x")
            threading.Thread(target=serve, daemon=True).start()
            client = socket.create_connection(server.getsockname())
            block = bytes(1_000_000)
            def step():
                client.sendall(b"x")
                client.recv(1)
                ends = time.thread_time() + 0.02
                while time.thread_time() < ends: hashlib.sha256(block).digest()
        """,
    },
}
DISK = """
    file = tempfile.TemporaryFile(dir=os.path.dirname(__file__))
    def step():
        file.write(b"x")
        file.flush()
        os.fsync(file.fileno())
"""
CROWDED = {"a lock that all threads hold in turn", "threads that compute"}
"""Scripts whose step is run by several threads at once."""
CASES = [(kind, name) for kind, scripts in CORPUS.items() for name in scripts]


def judged(folder: Path, source: str, loop: str) -> Site:
    """The site that calls `step`, after both runs."""
    script = folder / "script.py"
    script.write_text(HEADER + textwrap.dedent(source) + loop)
    target = Target(python=sys.executable, script=str(script), roots=(str(folder),))
    observation = observe(target, keep_stdin())
    held = folder / "held back"
    held.mkdir()
    plan = RecordPlan(hot=tuple((line.file, line.line) for line in hot_lines(observation)), wall_s=observation.wall_s)
    recording, process = record(target, plan, subprocess.DEVNULL, held)
    if process is not None:
        process.send({"op": "end"})
        process.end()
    (site,) = [each for each in build(observation, recording) if each.callee == "step"]
    return site


def named(folder: Path, kind: tuple[str, str], name: str) -> tuple[tuple[str, str], Site]:
    """(bound, detail) as judged; of a mixture the detail is whichever is more by a hair."""
    site = judged(folder, CORPUS[kind][name], CROWD if name in CROWDED else LOOP)
    return (site.bound.bound, "any" if site.bound.bound == "mixed" else site.bound.detail), site


@pytest.mark.parametrize(("kind", "name"), CASES, ids=str)
def test_what_limits_a_call_is_named(tmp_path: Path, kind: tuple[str, str], name: str):
    found, site = named(tmp_path, kind, name)
    assert found == kind, (site.bound, site.ledger)


def test_a_file_that_is_made_safe_waits_on_the_disk(tmp_path: Path):
    """How much of it is the kernel's own computing depends on the disk; which wait it is does not."""
    if _sync_s(tmp_path) < FASTEST_DISK_S:
        pytest.skip("the temporary folder is in memory: there is no disk to wait for")
    bound = judged(tmp_path, DISK, LOOP).bound
    assert bound.bound in ("io-wait", "mixed"), bound
    assert bound.detail == "disk", bound


def _sync_s(folder: Path) -> float:
    """Median seconds that the disk takes to write one byte for good."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(9):
            began = time.perf_counter()
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return median(taken)


def main() -> None:
    """Print how often each kind was judged as each."""
    found: Counter[tuple[str, str]] = Counter()
    for kind, name in CASES:
        with tempfile.TemporaryDirectory() as folder:
            found[" ".join(kind), " ".join(named(Path(folder), kind, name)[0])] += 1
    with tempfile.TemporaryDirectory() as folder:
        bound = judged(Path(folder), DISK, LOOP).bound
        found["io-wait disk", f"{bound.bound} {bound.detail}"] += 1
    for (kind, judged_as), count in sorted(found.items()):
        sys.stdout.write(f"{kind:22} judged {judged_as:22} {count}\n")


if __name__ == "__main__":
    main()
