"""The safety promise, with real files and servers: effects are named, and no forced replay has them again."""

from __future__ import annotations

import contextlib
import http.server
import socket
import socketserver
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from staging import HYBRID, PROCESSES, SERIAL, THREADS, Staged, staged

from advisor.model.trial import WorkerMix

MIXES = (SERIAL, THREADS, PROCESSES)
CALLS = 3


def script(setup: str, call: str, after: str = "") -> str:
    """A script whose hot call `task(i)` is `call`; `setup` runs before, `after` behind the calls."""
    lines = [
        "import ctypes, json, logging, mmap, os, shutil, socket, sqlite3, subprocess, sys, tempfile, threading, time",
        "import http.client, urllib.request",
        *setup.splitlines(),
        "def task(i):",
        *(f"    {line}" for line in call.splitlines()),
        "    return i",
        f"for i in range({CALLS}):",
        "    task(i)  # hot",
        *after.splitlines(),
    ]
    return "\n".join(lines) + "\n"


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below `folder`, with what is in it and its mode."""
    return {
        str(path): (path.read_bytes() if path.is_file() else b"", path.lstat().st_mode)
        for path in sorted(folder.rglob("*"))
        if "held back" not in path.parts
    }


# name: (setup, call, kind of the effect)
FILES = {
    "open w": ("", "open(f'out{i}', 'w').close()", "file-write"),
    "open a": ("", "with open('log', 'a') as f: f.write('x')", "file-write"),
    "open r+": ("open('log', 'w').close()", "with open('log', 'r+') as f: f.write('x')", "file-write"),
    "os.open": ("", "os.close(os.open(f'out{i}', os.O_CREAT | os.O_WRONLY))", "file-write"),
    "remove": ("for i in range(9): open(f'in{i}', 'w').close()", "os.remove(f'in{counter()}')", "file-delete"),
    "rename": (
        "for i in range(9): open(f'in{i}', 'w').close()",
        "n = counter()\nos.rename(f'in{n}', f'x{n}')",
        "file-delete",
    ),
    "mkdir": ("", "os.mkdir(f'folder{counter()}')", "file-write"),
    "rmtree": ("for i in range(9): os.mkdir(f'd{i}')", "shutil.rmtree(f'd{counter()}')", "file-delete"),
    "copy": ("open('a', 'w').write('abc')", "shutil.copy('a', f'b{counter()}')", "file-write"),
    "chmod": ("open('a', 'w').close()", "os.chmod('a', 0o600 + counter())", "file-write"),
    "truncate": ("open('a', 'w').write('abcdefghij')", "os.truncate('a', 8 - counter())", "file-write"),
    "subprocess": ("", "subprocess.run(['touch', f'made{counter()}'])", "process"),
    "system": ("", "os.system(f'touch made{counter()}')", "process"),
    "tempfile": ("", "with tempfile.NamedTemporaryFile(dir='.', delete=False) as f: f.write(b'x')", "file-write"),
    "sqlite inside": (
        "con = sqlite3.connect('db')\ncon.execute('create table t(x)')\ncon.commit()\ncon.close()",
        "with sqlite3.connect('db', timeout=1) as con: con.execute('insert into t values (1)')\ncon.close()",
        "database",
    ),
    "sqlite outside": (
        "con = sqlite3.connect('db', check_same_thread=False)\ncon.execute('create table t(x)')\ncon.commit()",
        "con.execute('insert into t values (1)')\ncon.commit()",
        "database",
    ),
    "sqlite unwatched": (
        ("con = sqlite3.Connection('db', check_same_thread=False)\ncon.execute('create table t(x)')\ncon.commit()"),
        "con.execute('insert into t values (1)')\ncon.commit()",
        "file-write",
    ),
    "handle from before": ("out = open('log', 'w', buffering=1)", "out.write('line\\n')", "file-write"),
    "buffered handle from before": ("out = open('log', 'w')", "out.write('line\\n')", "file-write"),
    "raw handle from before": ("out = open('log', 'wb', buffering=0)", "out.write(b'line')", "file-write"),
    "os.write to a descriptor from before": (
        "fd = os.open('log', os.O_CREAT | os.O_RDWR)",
        "os.write(fd, b'x')",
        "file-write",
    ),
    "gzip from before": ("import gzip\nout = gzip.open('log.gz', 'wb')", "out.write(b'line')", "file-write"),
    "ftruncate of a descriptor from before": (
        "f = open('log', 'w+')\nf.write('abcdefghijkl')\nf.flush()",
        "os.ftruncate(f.fileno(), 10 - counter())",
        "file-write",
    ),
    "logging handler from before": ("logging.basicConfig(filename='log')", "logging.error('x')", "file-write"),
    "mapped file from before": (
        "f = open('log', 'w+b')\nf.write(bytes(8192))\nf.flush()\nm = mmap.mmap(f.fileno(), 8192)",
        "m[i] = m[i] + 1",
        "file-write",
    ),
    "map of a file from before": (
        "f = open('log', 'w+b')\nf.write(bytes(8192))\nf.flush()",
        "with mmap.mmap(f.fileno(), 8192) as m: m[i] = m[i] + 1",
        "file-write",
    ),
    "native write": (
        "libc = ctypes.CDLL(None)",
        "fd = libc.open(f'out{counter()}'.encode(), os.O_CREAT | os.O_WRONLY, 0o644)\nlibc.write(fd, b'abc', 3)",
        "file-write",
    ),
    "native stream from before": (
        (
            "libc = ctypes.CDLL(None)\nlibc.fopen.restype = ctypes.c_void_p\nout = libc.fopen(b'log', b'w')\n"
            "libc.setvbuf(ctypes.c_void_p(out), None, 2, 0)"
        ),
        "libc.fputs(b'abc', ctypes.c_void_p(out))",
        "file-write",
    ),
    "helper thread": (
        "",
        "t = threading.Thread(target=lambda: open(f'out{counter()}', 'w').close())\nt.start()\nt.join()",
        "file-write",
    ),
    "helper thread of a class": (
        ("class Helper(threading.Thread):\n    def run(self):\n        open(f'out{counter()}', 'w').close()"),
        "t = Helper()\nt.start()\nt.join()",
        "file-write",
    ),
    "helper pool": (
        "from concurrent.futures import ThreadPoolExecutor",
        "with ThreadPoolExecutor(1) as pool:\n    pool.submit(lambda: open(f'out{counter()}', 'w').close()).result()",
        "file-write",
    ),
    "swallowed": (
        "",
        "try:\n    open(f'out{counter()}', 'w').close()\nexcept BaseException:\n    pass",
        "file-write",
    ),
    "forked helper": (
        "",
        (
            "if os.fork() == 0:\n    try:\n        open(f'out{i}-{os.getpid()}', 'w').close()\n"
            "    finally:\n        os._exit(0)\nos.wait()"
        ),
        "file-write",
    ),
    "symlink": ("", "os.symlink('nowhere', f'link{counter()}')", "file-write"),
    "utime": ("open('a', 'w').close()", "os.utime('a', (1, counter()))", "file-write"),
}
COUNTER = "import itertools\n_numbers = itertools.count()\ndef counter(): return next(_numbers)\n"


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder the scripts of these tests work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("case", FILES)
def test_a_call_that_writes_is_named_and_never_written_again(inside: Path, case: str) -> None:
    setup, call, kind = FILES[case]
    with staged(inside, script(COUNTER + setup, call)) as run:
        effects = run.site("task").effects
        assert kind in {effect.kind for effect in effects}, effects
        before = contents(inside)
        for mix in MIXES:
            assert run.run("task", mix).outcome == "withheld"
        assert contents(inside) == before


# Native code that does not look whether it succeeded, and what stays in buffers that no copy ever flushes.
UNTOLD = {"native write", "native stream from before", "mapped file from before", "gzip from before"}


@pytest.mark.parametrize("case", FILES)
def test_the_lock_holds_where_run_2_saw_nothing(inside: Path, case: str) -> None:
    setup, call, _ = FILES[case]
    lines = "".join(f"\n    {line}" for line in call.splitlines())
    source = script(f"{COUNTER}{setup}\nlate = False", f"if late:{lines}", "late = True")
    with staged(inside, source) as run:
        assert run.site("task").effects == () or case == "mapped file from before"
        before = contents(inside)
        for mix in MIXES:
            trial = run.run("task", mix)
            assert contents(inside) == before, (mix, trial)
            assert trial.outcome in ("withheld", "failed") or case in UNTOLD, (mix, trial)


# What native code does without writing bytes: no witness of run 2 sees it, so the lock must hold by itself.
NATIVE = {
    "unlink": "libc.unlink(b'precious')",
    "rename": "libc.rename(b'precious', b'gone')",
    "truncate": "libc.truncate(b'precious', 1)",
    "open with O_TRUNC": "libc.open(b'precious', os.O_TRUNC | os.O_WRONLY)",
    "mkdir": "libc.mkdir(b'made', 0o755)",
    "mkfifo": "libc.mkfifo(b'made', 0o755)",
    "link": "libc.link(b'precious', b'again')",
    "system": "libc.system(b'touch made')",
    "posix_fallocate on a descriptor from before": "libc.posix_fallocate(kept.fileno(), 0, ctypes.c_long(9000))",
    "ftruncate on a descriptor from before": "libc.ftruncate(kept.fileno(), ctypes.c_long(1))",
}


@pytest.mark.parametrize("case", NATIVE)
@pytest.mark.parametrize("mix", [*MIXES, HYBRID], ids=str)
def test_native_code_cannot_touch_a_file_in_a_trial(inside: Path, case: str, mix: WorkerMix) -> None:
    precious = inside / "precious"
    precious.write_text("precious")
    # In the recorded run the call does nothing yet: only the trials would do harm.
    source = script(
        "libc = ctypes.CDLL(None)\nlate = False\nkept = open('precious', 'r+b')",
        f"if late:\n    {NATIVE[case]}",
        "late = True",
    )
    with staged(inside, source) as run:
        before = contents(inside)
        run.run("task", mix)
        assert contents(inside) == before


def test_a_signal_does_not_leave_the_trial(inside: Path) -> None:
    source = script(
        "late = False\nvictim = subprocess.Popen(['sleep', '30'])\nlibc = ctypes.CDLL(None)",
        "if late: libc.kill(victim.pid, 9)",
        "late = True",
    )
    source += "import atexit\natexit.register(victim.kill)\n"
    with staged(inside, source) as run:
        run.run("task")
        (victim,) = run.processes()
        assert victim.status() != "zombie"


READS = {
    "open r": ("open('a', 'w').write('abc')", "assert open('a').read() == 'abc'"),
    "handle from before": ("open('a', 'w').write('abc')\nf = open('a')", "f.seek(0)\nassert f.read() == 'abc'"),
    "writable handle, read": (
        "f = open('a', 'w+')\nf.write('abc')\nf.flush()",
        "f.seek(0)\nassert f.read() == 'abc'",
    ),
    "sqlite inside": (
        (
            "con = sqlite3.connect('db')\ncon.execute('create table t(x)')\ncon.execute('insert into t values (7)')\n"
            "con.commit()\ncon.close()"
        ),
        "con = sqlite3.connect('db')\nassert con.execute('select x from t').fetchall() == [(7,)]\ncon.close()",
    ),
    "sqlite write-ahead log inside": (
        (
            "con = sqlite3.connect('db')\ncon.execute('pragma journal_mode=wal')\ncon.execute('create table t(x)')\n"
            "con.execute('insert into t values (7)')\ncon.commit()"
        ),
        "c = sqlite3.connect('db')\nassert c.execute('select x from t').fetchall() == [(7,)]\nc.close()",
    ),
    "sqlite in memory": (
        "",
        "con = sqlite3.connect(':memory:')\ncon.execute('create table t(x)')\ncon.execute('insert into t values (7)')",
    ),
    "print": ("", "print('x' * 10000, flush=True)"),
    "print to stderr": ("", "sys.stderr.write('x')\nos.write(2, b'x')"),
    "stat": ("", "os.stat('.')\nos.listdir('.')"),
    "memory map of its own": ("", "with mmap.mmap(-1, 4096) as m: m[0] = 1"),
    "import": ("", "import xml.dom.minidom, fractions"),
    "thread": ("", "t = threading.Thread(target=int)\nt.start()\nt.join()"),
    "socket pair": ("", "a, b = socket.socketpair()\na.send(b'x')\nassert b.recv(1) == b'x'\na.close()\nb.close()"),
    "device": ("", "open(os.devnull, 'w').close()"),
}


@pytest.mark.parametrize("case", READS)
def test_a_call_that_only_reads_is_replayed(inside: Path, case: str) -> None:
    setup, call = READS[case]
    with staged(inside, script(setup, call)) as run:
        assert run.site("task").calls == CALLS
        assert run.site("task").effects == ()
        for mix in (SERIAL,) if "handle" in case else MIXES:  # one handle has one place in its file
            trial = run.run("task", mix)
            assert (trial.outcome, trial.error) == ("ok", None), mix


def test_a_trial_does_not_move_what_the_stage_has_open(inside: Path) -> None:
    source = script(
        "open('a', 'w').write('abcdefgh')\nf = os.open('a', os.O_RDONLY)", "return os.read(f, 1)", "os.lseek(f, 0, 0)"
    )
    with staged(inside, source) as run:
        for _ in range(2):
            trial = run.run("task", SERIAL)
            assert (trial.outcome, trial.mismatches) == ("ok", 0)


def test_the_user_may_consent_to_effects(inside: Path) -> None:
    source = script(COUNTER, "with open('log', 'a') as f: f.write('x')")
    with staged(inside, source, replay_effects="all") as run:
        assert run.run("task").outcome == "ok"
        assert (inside / "log").read_text() == "x" * 2 * CALLS


def test_effects_in_the_scripts_own_pool_of_processes(inside: Path) -> None:
    source = """
        import concurrent.futures, os

        def task(i):
            with open(f"out{i}-{os.getpid()}", "w") as f:
                f.write("x")
            return i

        if __name__ == "__main__":
            with concurrent.futures.ProcessPoolExecutor(2) as pool:
                list(pool.map(task, range(6)))
    """
    with staged(inside, source) as run:
        assert {effect.kind for effect in run.site("task").effects} == {"file-write"}
        before = contents(inside)
        for mix in MIXES:
            assert run.run("task", mix).outcome == "withheld"
        assert contents(inside) == before


def test_an_attempt_in_a_worker_is_told(inside: Path) -> None:
    source = script("late = False", "if late: open('made', 'w')", "late = True")
    with staged(inside, source) as run:
        for mix in (*MIXES, HYBRID):
            trial = run.run("task", mix)
            assert (trial.outcome, trial.error) == ("withheld", "file-write: opens made for writing")
    assert not (inside / "made").exists()


def test_numpy_files(inside: Path) -> None:
    pytest.importorskip("numpy")
    source = script(
        COUNTER + "import numpy", "numpy.arange(9).tofile(f'a{counter()}')\nnumpy.save('b', numpy.arange(i + 9))"
    )
    with staged(inside, source) as run:
        assert run.site("task").effects
        before = contents(inside)
        for mix in MIXES:
            assert run.run("task", mix).outcome in ("withheld", "failed")
        assert contents(inside) == before


# --- the network ---------------------------------------------------------------------------------------


class Server(socketserver.ThreadingTCPServer):
    """Counts the requests of each method, and raw bytes."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def answer(self) -> None:
        self.server.seen.append(self.command)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer  # noqa: N815 - the names are the library's

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def send_error(self, *_args: object, **_kwargs: object) -> None:
        """A request that is no HTTP."""
        self.server.seen.append("raw")
        self.close_connection = True


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


CONNECT = "c = http.client.HTTPConnection('127.0.0.1', PORT)\n"
SENDS = {
    "urllib POST": ("", "urllib.request.urlopen(f'http://127.0.0.1:{PORT}/', data=b'x').read()"),
    "http.client PUT": ("", CONNECT + "c.request('PUT', '/', body=b'x')\nc.getresponse().read()\nc.close()"),
    "http.client DELETE": ("", CONNECT + "c.request('DELETE', '/')\nc.getresponse().read()\nc.close()"),
    "connection from before": (CONNECT + "c.connect()", "c.request('POST', '/', body=b'x')\nc.getresponse().read()"),
    "GET, then POST on one connection": (
        "",
        CONNECT + "c.request('GET', '/')\nc.getresponse().read()\nc.request('POST', '/', body=b'x')\n"
        "c.getresponse().read()\nc.close()",
    ),
    "raw socket": (
        "",
        "s = socket.create_connection(('127.0.0.1', PORT))\ns.sendall(b'SET x 1\\r\\n\\r\\n')\ns.recv(9)\ns.close()",
    ),
    "a body behind GET": (
        "",
        (
            "s = socket.create_connection(('127.0.0.1', PORT))\n"
            "s.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n')\ns.recv(99)\n"
            "s.sendall(b'POST / HTTP/1.1\\r\\n\\r\\n')\ns.recv(99)\ns.close()"
        ),
    ),
    "two requests at once": (
        "",
        (
            "s = socket.create_connection(('127.0.0.1', PORT))\n"
            "s.sendall(b'GET / HTTP/1.1\\r\\n\\r\\nPOST / HTTP/1.1\\r\\n\\r\\n')\ns.recv(99)\ns.close()"
        ),
    ),
    "native write to a connection from before": (
        "libc = ctypes.CDLL(None)\ns = socket.create_connection(('127.0.0.1', PORT))",
        "libc.write(s.fileno(), b'POST / HTTP/1.1\\r\\n\\r\\n', 19)\ntime.sleep(0.02)",
    ),
}


def settled(server: Server) -> list[str]:
    """What came that is no GET, once nothing more does: a server notes a request later than its client goes on."""
    for _ in range(100):
        before = list(server.seen)
        time.sleep(0.2)
        if server.seen == before:
            return [method for method in before if method != "GET"]
    raise AssertionError(f"requests still came: {server.seen}")


@pytest.mark.parametrize("case", SENDS)
def test_what_is_sent_is_named_and_never_sent_again(inside: Path, case: str) -> None:
    setup, call = SENDS[case]
    with serving() as server, staged(inside, script(f"PORT = {server.server_address[1]}\n{setup}", call)) as run:
        assert {"network", "file-write"} & {effect.kind for effect in run.site("task").effects}
        sent = settled(server)
        for mix in MIXES:
            assert run.run("task", mix).outcome == "withheld"
        assert settled(server) == sent


@pytest.mark.parametrize("case", SENDS)
def test_the_network_is_locked_where_run_2_saw_nothing(inside: Path, case: str) -> None:
    setup, call = SENDS[case]
    lines = "".join(f"\n    {line}" for line in call.splitlines())
    with serving() as server:
        setup = f"PORT = {server.server_address[1]}\n{setup}\nlate = False"
        # A request that only reads opens the port to the trials.
        setup += "\ndef look(i): urllib.request.urlopen(f'http://127.0.0.1:{PORT}/').read()\nfor i in range(2): look(i)"
        with staged(inside, script(setup, f"if late:{lines}", "late = True")) as run:
            for mix in MIXES:
                trial = run.run("task", mix)
                assert trial.outcome in ("withheld", "failed") or case.startswith("native"), trial
        assert set(server.seen) == {"GET"}


def test_native_code_reaches_no_other_port(inside: Path) -> None:
    with serving() as server:
        setup = f"PORT = {server.server_address[1]}\nlate = False\nlibc = ctypes.CDLL(None)"
        call = (
            "if late:\n"
            "    s = socket.socket()\n"
            "    a = b'\\x02\\0' + PORT.to_bytes(2, 'big') + bytes([127, 0, 0, 1]) + bytes(8)\n"
            "    libc.connect(s.fileno(), a, 16)\n"
            "    libc.write(s.fileno(), b'POST / HTTP/1.1\\r\\n\\r\\n', 19)"
        )
        with staged(inside, script(setup, call, "late = True")) as run:
            for mix in MIXES:
                run.run("task", mix)
        assert server.seen == []


def test_requests_that_only_read_are_replayed(inside: Path) -> None:
    call = "return urllib.request.urlopen(f'http://127.0.0.1:{PORT}/').read()"
    with serving() as server, staged(inside, script(f"PORT = {server.server_address[1]}", call)) as run:
        site = run.site("task")
        assert (site.effects, site.safe_requests) == ((), CALLS)
        for mix in (*MIXES, HYBRID):
            trial = run.run("task", mix)
            assert (trial.outcome, trial.error, trial.mismatches) == ("ok", None, 0)
        assert server.seen == ["GET"] * CALLS * 5


def test_a_server_inside_the_script_answers_trials(inside: Path) -> None:
    setup = (
        "import http.server\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200)\n        self.end_headers()\n        self.wfile.write(b'ok')\n"
        "    def log_message(self, *a): pass\n"
        "server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)\n"
        "threading.Thread(target=server.serve_forever, daemon=True).start()"
    )
    call = "return urllib.request.urlopen(f'http://127.0.0.1:{server.server_address[1]}/').read()"
    with staged(inside, script(setup, call)) as run:
        assert run.site("task").effects == ()
        for mix in (*MIXES, HYBRID):
            trial = run.run("task", mix)
            assert (trial.outcome, trial.error, trial.mismatches) == ("ok", None, 0), mix


def test_a_kept_connection_that_only_read_is_kept(inside: Path) -> None:
    setup = "c = http.client.HTTPConnection('127.0.0.1', PORT)"
    call = "c.request('GET', '/')\nreturn c.getresponse().read()"
    with serving() as server, staged(inside, script(f"PORT = {server.server_address[1]}\n{setup}", call)) as run:
        for _ in range(2):
            trial = run.run("task")
            assert (trial.outcome, trial.error, trial.mismatches) == ("ok", None, 0)


def test_datagrams(inside: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        setup = f"s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nPORT = {receiver.getsockname()[1]}"
        with staged(inside, script(setup, "s.sendto(b'x', ('127.0.0.1', PORT))")) as run:
            assert {effect.kind for effect in run.site("task").effects} == {"network"}
            for mix in MIXES:
                assert run.run("task", mix).outcome == "withheld"
        assert [receiver.recv(9) for _ in range(CALLS)] == [b"x"] * CALLS
        with pytest.raises(BlockingIOError):
            receiver.recv(9)


def test_mail(inside: Path) -> None:
    lines: list[bytes] = []

    class Mail(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 hello\r\n")
            while line := self.rfile.readline():
                lines.append(line)
                self.wfile.write(b"250 ok\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        call = "import smtplib\ns = smtplib.SMTP('127.0.0.1', PORT)\ns.ehlo()\ns.rset()\ns.close()"
        with staged(inside, script(f"PORT = {server.server_address[1]}", call)) as run:
            assert {effect.kind for effect in run.site("task").effects} == {"network"}
            before = len(lines)
            for mix in MIXES:
                assert run.run("task", mix).outcome == "withheld"
            assert len(lines) == before
        server.shutdown()
        thread.join()


def test_a_pipe_to_a_child_of_the_script(inside: Path) -> None:
    source = script(
        "child = subprocess.Popen(['tee', 'log'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, bufsize=0)",
        "child.stdin.write(b'x')",
    )
    with staged(inside, source) as run:
        assert run.site("task").effects
        for mix in MIXES:
            assert run.run("task", mix).outcome in ("failed", "withheld")
    assert (inside / "log").read_text() == "x" * CALLS


def test_a_stage_keeps_a_database_whole(inside: Path) -> None:
    source = script(
        "con = sqlite3.connect('db', check_same_thread=False)\ncon.execute('create table t(x)')\ncon.commit()",
        "con.execute('insert into t values (1)')\ncon.commit()",
    )
    with staged(inside, source) as run:
        for mix in MIXES:
            run.run("task", mix)
    with contextlib.closing(sqlite3.connect(inside / "db")) as connection:
        assert connection.execute("select count(*) from t").fetchone() == (CALLS,)
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)


def test_mapped_files_are_private_in_a_trial(inside: Path) -> None:
    source = script(
        "f = open('log', 'w+b')\nf.write(bytes(8192))\nf.flush()\nm = mmap.mmap(f.fileno(), 8192)\nlate = False",
        "if late: m[5] = 7\nreturn m[5]",
        "late = True",
    )
    with staged(inside, source) as run:
        run.run("task")
    assert (inside / "log").read_bytes() == bytes(8192)


def test_what_a_cache_lets_go_of_is_not_deleted(inside: Path) -> None:
    source = script(
        "import functools\n@functools.lru_cache\ndef place(i): return tempfile.TemporaryDirectory(dir='.')\nplace(1)",
        "return len(os.listdir('.'))",
    )
    with staged(inside, source) as run:
        before = contents(inside)
        for mix in MIXES:
            run.run("task", mix)
            assert contents(inside) == before


def test_a_stream_of_the_users_own_is_not_flushed_twice(inside: Path) -> None:
    source = script("sys.stdout = open('log', 'w')\nprint('x')\nlate = False", "if late: print(i)", "late = True")
    with staged(inside, source) as run:
        for mix in MIXES:
            run.run("task", mix)
    assert (inside / "log").read_text() == "x\n"


def names(run: Staged) -> set[str]:
    return {effect.detail for effect in run.site("task").effects}


def test_the_file_that_was_open_before_is_named(inside: Path) -> None:
    with staged(inside, script("out = open('log', 'w')", "out.write('line')")) as run:
        assert names(run) == {f"writes to {inside / 'log'}, which was open already"}


if sys.platform != "linux":
    pytestmark = pytest.mark.skip("the kernel's locks are Linux's")
