"""Scripts whose calls race, hang, draw from one generator or cannot be run again, and others that only look so.

Each is recorded and tried for real. `test_trust_corpus.py` as a program prints how each kind was judged.
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from trusting import SOON_S, Seen, seen

# name -> script; the hot line calls `step`. What is changed lies where neither witness of shared state looks.
RACES = {
    "an environment variable": """
        import os, time
        def step(n):
            os.environ["UNIT"] = str(n)
            time.sleep(0.02)
            return os.environ["UNIT"]
        for i in range(9):
            step(i)  # hot
    """,
    "the current directory": """
        import os, time
        def step(place):
            os.chdir(place)
            time.sleep(0.02)
            return os.getcwd()
        for i in range(9):
            step(("/", "/usr", "/proc")[i % 3])  # hot
    """,
    "the time zone": """
        import os, time
        def step(hours):
            os.environ["TZ"] = f"XXX{hours}"
            time.tzset()
            time.sleep(0.02)
            return time.localtime(0).tm_hour
        for i in range(9):
            step(i)  # hot
    """,
    "standard output sent elsewhere": """
        import contextlib, io, time
        def step(n):
            with contextlib.redirect_stdout(io.StringIO()) as out:
                time.sleep(0.02)
                print(n)
            return out.getvalue()
        for i in range(9):
            step(i)  # hot
    """,
    "warnings that are caught": """
        import time, warnings
        def step(n):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                time.sleep(0.02)
                warnings.warn(f"no. {n}")
                return [str(each.message) for each in caught]
        for i in range(9):
            step(i)  # hot
    """,
    "a setting of a library": """
        import socket, time
        def step(limit):
            socket.setdefaulttimeout(limit)
            time.sleep(0.02)
            return socket.getdefaulttimeout()
        for i in range(1, 10):
            step(float(i))  # hot
        socket.setdefaulttimeout(None)
    """,
    "the position of one descriptor": """
        import os, time
        SOURCE = os.open(__file__, os.O_RDONLY)
        def step(place):
            os.lseek(SOURCE, place, os.SEEK_SET)
            time.sleep(0.02)
            return os.read(SOURCE, 5)
        for i in range(9):
            step(i * 7)  # hot
    """,
    "a generator seeded by every call": """
        import random, time
        def step(n):
            random.seed(n)
            time.sleep(0.02)
            return random.random()
        for i in range(9):
            step(i)  # hot
    """,
}
# Other results than those of run 1, whoever runs them: a race would not be noticed, and none may be claimed.
UNREPEATABLE = {
    "the time": """
        import time
        def step(n):
            return n, time.perf_counter()
        for i in range(9):
            step(i)  # hot
    """,
    "random figures": """
        import random
        def step(n):
            return random.random()
        for i in range(9):
            step(i)  # hot
    """,
    "unique names": """
        import uuid
        def step(n):
            return uuid.uuid4().hex
        for i in range(9):
            step(i)  # hot
    """,
    "addresses": """
        def step(n):
            return id([n])
        for i in range(9):
            step(i)  # hot
    """,
    "the process": """
        import os
        def step(n):
            return os.getpid()
        for i in range(9):
            step(i)  # hot
    """,
}
REPEATABLE = {
    "sets, whose order is nobody's business": """
        def step(n):
            return {f"{n}-{k}" for k in range(20)}
        for i in range(9):
            step(i)  # hot
    """,
    "a dict filled as threads finish": """
        import random, threading, time
        def step(n):
            found = {}
            def fill(k):
                time.sleep(((n * 7 + k * 5) % 11) / 1000)
                found[k] = k * n
            threads = [threading.Thread(target=fill, args=(k,)) for k in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return found
        for i in range(9):
            step(i)  # hot
    """,
    "floating point figures": """
        import math
        def step(n):
            return math.fsum(math.sin(k * n) for k in range(1000)), float("nan"), -0.0
        for i in range(9):
            step(i)  # hot
    """,
    "a precision that belongs to the thread": """
        import decimal, time
        def step(n):
            decimal.getcontext().prec = n + 2
            time.sleep(0.01)
            return str(decimal.Decimal(1) / 7)
        for i in range(9):
            step(i)  # hot
    """,
    "a descriptor read at places": """
        import os, time
        SOURCE = os.open(__file__, os.O_RDONLY)
        def step(place):
            time.sleep(0.01)
            return os.pread(SOURCE, 5, place)
        for i in range(9):
            step(i * 7)  # hot
    """,
    "objects that print their address": """
        class Page:
            pass
        def step(n):
            page = Page()
            kept.append(page) if n < 0 else None
            return f"{page} {n}", [repr(page)], page
        kept = []
        for i in range(9):
            step(i)  # hot
    """,
    "a hash of text": """
        def step(n):
            return hash(f"page {n}")
        for i in range(9):
            step(i)  # hot
    """,
    "an environment variable that is only read": """
        import os, time
        os.environ["UNIT"] = "m"
        def step(n):
            time.sleep(0.01)
            return n, os.environ["UNIT"]
        for i in range(9):
            step(i)  # hot
    """,
}
# name -> script, the function its threads stand in and what that has called
HANGS = {
    "two locks in either order": (
        """
        import threading, time
        left, right = threading.Lock(), threading.Lock()
        def step(n):
            first, second = (left, right) if n % 2 else (right, left)
            with first:
                time.sleep(0.02)
                second.acquire()
                second.release()
        for i in range(9):
            step(i)  # hot
        """,
        "in `step` (script.py:8",
    ),
    "a semaphore taken twice": (
        """
        import threading, time
        slots = threading.Semaphore(2)
        def step(n):
            with slots:
                time.sleep(0.02)
                with slots:
                    return n
        for i in range(9):
            step(i)  # hot
        """,
        "in `step` (script.py:7, inside acquire)",
    ),
    "a queue of one and a lock around it": (
        """
        import queue, threading, time
        box, lock = queue.Queue(1), threading.Lock()
        def step(n):
            with lock:
                box.put(n)
            time.sleep(0.02)
            with lock:
                return box.get()
        for i in range(9):
            step(i)  # hot
        """,
        "in `step` (script.py:6, inside put)",
    ),
    "a barrier for more than are there": (
        """
        import threading, time
        meeting, lock = threading.Barrier(5), threading.Lock()
        inside = []
        def step(n):
            with lock:
                inside.append(n)
            time.sleep(0.02)
            if len(inside) > 1:
                meeting.wait()
            inside.remove(n)
        for i in range(9):
            step(i)  # hot
        """,
        "in `step` (script.py:10, inside wait)",
    ),
    "a pool that waits for itself": (
        """
        import concurrent.futures, os, time
        pools = {}
        def pool():
            return pools.setdefault(os.getpid(), concurrent.futures.ThreadPoolExecutor(2))
        def inner(n):
            return n
        def outer(n):
            time.sleep(0.02)
            return pool().submit(inner, n).result()
        def step(n):
            return pool().submit(outer, n).result()
        for i in range(9):
            step(i)  # hot
        """,
        "in `outer` (script.py:10, inside result)",
    ),
}
ENDS = {
    "a lock that all take": """
        import threading, time
        lock = threading.Lock()
        def step(n):
            with lock:
                time.sleep(0.01)
                return n
        for i in range(9):
            step(i)  # hot
    """,
    "two locks in one order": """
        import threading, time
        left, right = threading.Lock(), threading.Lock()
        def step(n):
            with left, right:
                time.sleep(0.01)
                return n
        for i in range(9):
            step(i)  # hot
    """,
    "a lock that may be taken twice": """
        import threading, time
        lock = threading.RLock()
        def step(n):
            with lock:
                time.sleep(0.01)
                with lock:
                    return n
        for i in range(9):
            step(i)  # hot
    """,
    "a queue that is not waited for long": """
        import queue
        box = queue.Queue()
        def step(n):
            try:
                return box.get(timeout=0.01)
            except queue.Empty:
                return n
        for i in range(9):
            step(i)  # hot
    """,
    "a semaphore for fewer than come": """
        import threading, time
        slots = threading.BoundedSemaphore(2)
        def step(n):
            with slots:
                time.sleep(0.01)
                return n
        for i in range(9):
            step(i)  # hot
    """,
}
# name -> script and the generator that is named
DRAWS = {
    "random.random": ("import random", "random.random()", "the state of random"),
    "random.shuffle in a helper": (
        "import random\ndef deal():\n    cards = list(range(9))\n    random.shuffle(cards)\n    return cards",
        "deal()",
        "the state of random",
    ),
    "random.seed in every call": ("import random", "random.seed(n)", "the state of random"),
    "numpy.random.rand": ("import numpy", "numpy.random.rand(3)", "the state of numpy.random"),
    "one generator for all": ("import random\ndice = random.Random(3)", "dice.random()", "dice"),
    "one NumPy generator for all": ("import numpy\ndice = numpy.random.default_rng(3)", "dice.random()", "dice"),
}
DRAWS_NOT = {
    "a generator per call": ("import random", "random.Random(n).random()"),
    "a NumPy generator per call": ("import numpy", "numpy.random.default_rng(n).random()"),
    "secrets": ("import secrets, random", "secrets.randbelow(9)"),
    "the system's generator": ("import random\ndice = random.SystemRandom()", "dice.random()"),
    "drawn by the loop, not by the calls": ("import random\nrows = [random.random() for _ in range(9)]", "rows[n] * 2"),
    "a function called random": ("def random():\n    return 4", "random()"),
    "a hash that looks random": ("import hashlib", "hashlib.sha256(bytes(n)).digest()"),
}
DRAWING = """
{setup}
def step(n):
    return {call}
for i in range(9):
    step(i)  # hot
"""
# name -> script, seconds a call took in the script (None: not of interest), and what is told of it
GONE: dict[str, tuple[str, float | None, str]] = {
    "a cache of its own that is warm": (
        """
        import time
        cache = {}
        def step(n):
            if n not in cache:
                time.sleep(0.03)
                cache[n] = n * n
            return cache[n]
        for i in range(9):
            step(i)  # hot
        """,
        0.03,
        "a warm cache",
    ),
    "an iterator that is used up": (
        """
        rows = iter(range(9))
        def step(n):
            return next(rows)
        for i in range(9):
            step(i)  # hot
        """,
        None,
        "the iterator it draws from is used up: StopIteration",
    ),
    "a list that is emptied": (
        """
        rows = list(range(9))
        def step(n):
            return rows.pop()
        for i in range(9):
            step(i)  # hot
        """,
        None,
        "what it works on were used up: IndexError: pop from empty list",
    ),
    "a temporary file that is deleted": (
        """
        import tempfile
        def step(name):
            with open(name) as file:
                return file.read()
        with tempfile.NamedTemporaryFile("w") as file:
            for i in range(9):
                step(file.name)  # hot
        """,
        None,
        "a file it needs is gone: FileNotFoundError",
    ),
    "a file that is closed": (
        """
        def step(n):
            return source.read(n)
        with open(__file__) as source:
            for i in range(9):
                step(i)  # hot
        """,
        None,
        "its file is closed: ValueError: I/O operation on closed file",
    ),
    "a database that is closed": (
        """
        import sqlite3
        database = sqlite3.connect(":memory:", check_same_thread=False)
        def step(n):
            return database.execute("select ?", (n,)).fetchall()
        for i in range(9):
            step(i)  # hot
        database.close()
        """,
        None,
        "its file or connection is closed: ProgrammingError",
    ),
    "an archive that is closed": (
        """
        import io, zipfile
        archive = zipfile.ZipFile(io.BytesIO(), "w")
        archive.writestr("page", b"text")
        def step(n):
            return archive.read("page")
        for i in range(9):
            step(i)  # hot
        archive.close()
        """,
        None,
        "its file or connection is closed: ValueError: ",
    ),
    "a server that is gone": (
        """
        import http.server, threading, urllib.request
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")
            def log_message(self, *args):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever).start()
        def step(n):
            return urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{n}").read()
        for i in range(9):
            step(i)  # hot
        server.shutdown()
        server.server_close()
        """,
        None,
        "its server is gone: URLError",
    ),
}
STILL_THERE: dict[str, tuple[str, float | None]] = {
    "a cache of the library's": (
        """
        import functools, time
        @functools.lru_cache
        def slow(n):
            time.sleep(0.03)
            return n * n
        def step(n):
            return slow(n)
        for i in range(9):
            step(i)  # hot
        """,
        0.03,
    ),
    "waits that are not all as long": (
        """
        import time
        def step(n):
            time.sleep(0.02 + n % 3 * 0.01)
        for i in range(9):
            step(i)  # hot
        """,
        0.03,
    ),
    "a file that is there": (
        """
        def step(n):
            with open(__file__) as file:
                return file.read(n)
        for i in range(9):
            step(i)  # hot
        """,
        None,
    ),
    "an iterator of its own": (
        """
        def step(n):
            return next(iter(range(n, 9)))
        for i in range(9):
            step(i)  # hot
        """,
        None,
    ),
    "an error that the call expects": (
        """
        def step(n):
            try:
                return open(f"/nowhere/{n}").read()
            except FileNotFoundError:
                return ""
        for i in range(9):
            step(i)  # hot
        """,
        None,
    ),
}


def drawing(setup: str, call: str, *_told: str) -> str:
    return DRAWING.format(setup=setup, call=call)


@pytest.mark.parametrize("name", RACES)
def test_a_race_through_a_hidden_channel_is_told(tmp_path: Path, name: str):
    found = seen(tmp_path, RACES[name])
    assert found.outcomes() == ("ok", "wrong_result"), found
    assert "results differ on 3 threads" in found.told("ADV304", "error")
    assert "while serial gave the recorded ones" in found.told("ADV304", "error")


@pytest.mark.parametrize("name", UNREPEATABLE)
def test_results_that_never_repeat_are_no_race(tmp_path: Path, name: str):
    found = seen(tmp_path, UNREPEATABLE[name])
    assert found.outcomes() == ("ok", "ok"), found
    assert found.told("ADV304", "error", "warning") == ""
    assert "a race would not be noticed" in found.told("ADV304", "info")


@pytest.mark.parametrize("name", REPEATABLE)
def test_results_that_are_equal_are_no_race(tmp_path: Path, name: str):
    found = seen(tmp_path, REPEATABLE[name])
    assert found.outcomes() == ("ok", "ok"), found
    assert found.told("ADV304") == ""


@pytest.mark.parametrize("name", HANGS)
def test_a_deadlock_is_told_with_the_place(tmp_path: Path, name: str):
    source, place = HANGS[name]
    found = seen(tmp_path, source, timeout_s=SOON_S)
    assert found.outcomes() == ("ok", "timed_out"), found
    told = found.told("ADV305", "error")
    assert "3 threads did not finish 9 tasks in the time given: its threads stand still, as in a deadlock" in told
    assert place in told


@pytest.mark.parametrize("name", ENDS)
def test_what_only_waits_its_turn_is_no_deadlock(tmp_path: Path, name: str):
    found = seen(tmp_path, ENDS[name])
    assert found.outcomes() == ("ok", "ok"), found
    assert found.told("ADV305") == ""


def test_slow_threads_that_get_on_are_not_said_to_stand_still(tmp_path: Path):
    source = """
        import threading, time
        inside = []
        def step(n):
            inside.append(n)
            ends = time.thread_time() + (60 if len(inside) > 1 else 0.02)
            while time.thread_time() < ends:
                pass
            inside.remove(n)
        for i in range(9):
            step(i)  # hot
    """
    found = seen(tmp_path, source, timeout_s=SOON_S)
    assert found.outcomes() == ("ok", "timed_out")
    assert "a deadlock, or far slower than serial" in found.told("ADV305", "warning")


def test_what_takes_as_long_one_after_the_other_is_no_deadlock(tmp_path: Path):
    source = """
        import time
        late = False
        def step(n):
            time.sleep(60 if late else 0)
        for i in range(9):
            step(i)  # hot
        late = True
    """
    found = seen(tmp_path, source, serial_timeout_s=SOON_S)
    assert found.outcomes() == ("timed_out",)
    assert found.told("ADV305") == ""
    assert "does not come to an end when it is run again" in found.told("ADV401", "warning")


@pytest.mark.parametrize("name", DRAWS)
def test_a_generator_that_calls_share_is_named(tmp_path: Path, name: str):
    found = seen(tmp_path, drawing(*DRAWS[name]))
    assert f"{DRAWS[name][2]}: threads share one stream" in found.told("ADV306", "warning")
    assert "random.Random(task_number)" in found.told("ADV306")
    assert found.safety.status == "safe"


@pytest.mark.parametrize("name", DRAWS_NOT)
def test_figures_that_no_other_call_draws_are_not_flagged(tmp_path: Path, name: str):
    found = seen(tmp_path, drawing(*DRAWS_NOT[name]))
    assert found.told("ADV306") == ""
    assert found.safety.status == "safe"


@pytest.mark.parametrize("name", GONE)
def test_calls_that_cannot_be_run_again_say_what_is_gone(tmp_path: Path, name: str):
    source, call_s, told = GONE[name]
    assert told in seen(tmp_path, source, call_s=call_s).told("ADV401", "warning")


@pytest.mark.parametrize("name", STILL_THERE)
def test_calls_that_can_be_run_again_stand_for_the_job(tmp_path: Path, name: str):
    source, call_s = STILL_THERE[name]
    found = seen(tmp_path, source, call_s=call_s)
    assert found.outcomes()[0] == "ok"
    assert found.told("ADV401") == ""


def main() -> None:
    """Print how often the scripts of each kind got the code."""
    rows: list[tuple[str, str, list[str], Callable[[Seen], bool], float | None]] = []
    races, hangs = (lambda s: bool(s.told("ADV304", "error"))), (lambda s: bool(s.told("ADV305")))
    draws, gone = (lambda s: bool(s.told("ADV306"))), (lambda s: bool(s.told("ADV401")))
    soon = SOON_S
    rows += [("ADV304", "race", list(RACES.values()), races, None)]
    rows += [("ADV304", "no race", [*UNREPEATABLE.values(), *REPEATABLE.values()], races, None)]
    rows += [("ADV305", "deadlock", [source for source, _ in HANGS.values()], hangs, soon)]
    rows += [("ADV305", "no deadlock", list(ENDS.values()), hangs, None)]
    rows += [("ADV306", "draws", [drawing(*case) for case in DRAWS.values()], draws, None)]
    rows += [("ADV306", "does not draw", [drawing(*case) for case in DRAWS_NOT.values()], draws, None)]
    for code, kind, sources, is_told, timeout_s in rows:
        found = Counter(is_told(_alone(source, None, timeout_s)) for source in sources)
        sys.stdout.write(f"{code} {kind:16} told {found[True]:2} not told {found[False]:2}\n")
    for kind, cases in (("gone", list(GONE.values())), ("still there", [(*c, "") for c in STILL_THERE.values()])):
        found = Counter(gone(_alone(source, call_s, None)) for source, call_s, _ in cases)
        sys.stdout.write(f"ADV401 {kind:16} told {found[True]:2} not told {found[False]:2}\n")


def _alone(source: str, call_s: float | None, timeout_s: float | None) -> Seen:
    with tempfile.TemporaryDirectory() as folder:
        limit = {} if timeout_s is None else {"timeout_s": timeout_s}
        return seen(Path(folder), textwrap.dedent(source), call_s=call_s, **limit)


if __name__ == "__main__":
    main()
