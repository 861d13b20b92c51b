"""Scripts whose calls cannot be sent to other processes, or are dear to send, and others that only look so."""

from __future__ import annotations

from pathlib import Path

import pytest
from staging import PROCESSES, THREADS
from trusting import seen

# name -> script and what is told of it: which argument, and the way to the part that cannot be pickled
STUCK = {
    "a lambda": (
        """
        def step(key, n):
            return key(n)
        for i in range(6):
            step(lambda n: n + 1, i)  # hot
        """,
        "argument 1: ",
    ),
    "a lock in an attribute of an attribute": (
        """
        import threading
        class Pool:
            def __init__(self):
                self.lock = threading.Lock()
        class Client:
            def __init__(self):
                self.pool = Pool()
        def step(n, client):
            with client.pool.lock:
                return n
        client = Client()
        for i in range(6):
            step(i, client)  # hot
        """,
        "argument 2.pool.lock: TypeError: cannot pickle '_thread.lock' object",
    ),
    "an open file in a dict": (
        """
        def step(options):
            return options["n"]
        with open(__file__) as source:
            for i in range(6):
                step({"n": i, "source": source})  # hot
        """,
        "argument 1['source']: TypeError: cannot pickle",  # the rest differs from version to version
    ),
    "a generator": (
        """
        def step(rows):
            return 1
        many = [(n for n in range(i)) for i in range(6)]
        for rows in many:
            step(rows)  # hot
        """,
        "argument 1: TypeError: cannot pickle 'generator' object",
    ),
    "a connection of its own object": (
        """
        import sqlite3
        class Store:
            def __init__(self):
                self.connection = sqlite3.connect(":memory:", check_same_thread=False)
            def step(self, n):
                return n * 2
        store = Store()
        for i in range(6):
            store.step(i)  # hot
        store.connection.close()
        """,
        "self.connection: TypeError: cannot pickle 'sqlite3.Connection' object",
    ),
}
SENT = {
    "a partial of a function": """
        import functools
        def add(a, b):
            return a + b
        def step(key, n):
            return key(n)
        for i in range(6):
            step(functools.partial(add, 1), i)  # hot
    """,
    "a function by its name": """
        def add(n):
            return n + 1
        def step(key, n):
            return key(n)
        for i in range(6):
            step(add, i)  # hot
    """,
    "an object that leaves its lock behind": """
        import threading
        class Client:
            def __init__(self):
                self.lock = threading.Lock()
            def __getstate__(self):
                return {}
            def __setstate__(self, state):
                self.lock = threading.Lock()
            def step(self, n):
                with self.lock:
                    return n
        client = Client()
        for i in range(6):
            client.step(i)  # hot
    """,
    "a lock that all know by its name": """
        import threading
        lock = threading.Lock()
        def step(n):
            with lock:
                return n
        for i in range(6):
            step(i)  # hot
    """,
    "a file by its name": """
        def step(name, n):
            with open(name) as source:
                return source.read(n)
        for i in range(6):
            step(__file__, i)  # hot
    """,
}
# the object of a bound method, pickled for each task; the megabytes are sent, the milliseconds are not worth it
LARGE = {
    "bytes in an attribute": """
        class Index:
            def __init__(self):
                self.block = bytes(3_000_000)
            def step(self, n):
                return self.block[n]
        index = Index()
        for i in range(12):
            index.step(i)  # hot
    """,
    "a list of figures": """
        class Model:
            def __init__(self):
                self.weights = [n / 7 for n in range(300_000)]
            def step(self, n):
                return self.weights[n] * 2
        model = Model()
        for i in range(12):
            model.step(i)  # hot
    """,
    "an object inside the object": """
        class Table:
            def __init__(self):
                self.rows = {n: str(n) * 9 for n in range(30_000)}
        class Report:
            def __init__(self):
                self.table = Table()
            def step(self, n):
                return len(self.table.rows[n])
        report = Report()
        for i in range(12):
            report.step(i)  # hot
    """,
}
SMALL = {
    "a large object that all know by its name": """
        import time
        BLOCK = bytes(3_000_000)
        class Index:
            def step(self, n):
                time.sleep(0.02)
                return BLOCK[n]
        index = Index()
        for i in range(12):
            index.step(i)  # hot
    """,
    "a large attribute of the class": """
        import time
        class Index:
            block = bytes(3_000_000)
            def step(self, n):
                time.sleep(0.02)
                return self.block[n]
        index = Index()
        for i in range(12):
            index.step(i)  # hot
    """,
    "a large attribute that is left behind": """
        import time
        class Index:
            def __init__(self):
                self.block = bytes(3_000_000)
            def __getstate__(self):
                return {"block": b""}
            def step(self, n):
                time.sleep(0.02)
                return n
        index = Index()
        for i in range(12):
            index.step(i)  # hot
    """,
    "a small object": """
        import time
        class Index:
            def __init__(self):
                self.block = bytes(3_000)
            def step(self, n):
                time.sleep(0.02)
                return self.block[n]
        index = Index()
        for i in range(12):
            index.step(i)  # hot
    """,
}

# name -> script whose calls use a database that was connected to before them, and by which name
CONNECTED = {
    "a global": (
        """
        import sqlite3
        con = sqlite3.connect("db")
        con.execute("create table t(x)")
        def step(n):
            return con.execute("select count(*) + ? from t", (n,)).fetchone()[0]
        for i in range(6):
            step(i)  # hot
        """,
        "global con",
    ),
    "an attribute of its object": (
        """
        import sqlite3
        class Store:
            def __init__(self):
                self.con = sqlite3.connect("db", check_same_thread=False)
            def step(self, n):
                return self.con.execute("select ?", (n,)).fetchone()[0]
        store = Store()
        for i in range(6):
            store.step(i)  # hot
        """,
        "self.con",
    ),
    "a cursor that is given": (
        """
        import sqlite3
        def step(cursor, n):
            return cursor.execute("select ?", (n,)).fetchone()[0]
        cursor = sqlite3.connect("db").cursor()
        for i in range(6):
            step(cursor, i)  # hot
        """,
        "argument 1",
    ),
}
UNCONNECTED = {
    "a database in memory": """
        import sqlite3
        con = sqlite3.connect(":memory:", check_same_thread=False)
        def step(n):
            return con.execute("select ?", (n,)).fetchone()[0]
        for i in range(6):
            step(i)  # hot
    """,
    "each call opens its own": """
        import sqlite3
        sqlite3.connect("db").close()
        def step(n):
            con = sqlite3.connect("db")
            try:
                return con.execute("select ?", (n,)).fetchone()[0]
            finally:
                con.close()
        for i in range(6):
            step(i)  # hot
    """,
    "another function's": """
        import sqlite3
        con = sqlite3.connect("db")
        def load():
            return con.execute("select 1").fetchone()[0]
        def step(n):
            return n * 2
        first = load()
        for i in range(6):
            step(i)  # hot
    """,
}


@pytest.mark.parametrize("name", CONNECTED)
def test_an_open_database_is_not_advised_to_be_carried_to_other_processes(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    source, told = CONNECTED[name]
    found = seen(tmp_path, source, mixes=(PROCESSES,))
    assert f"other processes may not use {told}: SQLite forbids" in found.told("ADV307", "info")
    assert (found.safety.workers, found.safety.opened) == ("threads", (told,))


@pytest.mark.parametrize("name", UNCONNECTED)
def test_a_database_that_no_worker_would_inherit_forbids_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    found = seen(tmp_path, UNCONNECTED[name], mixes=(PROCESSES,))
    assert "SQLite" not in found.told("ADV307")
    assert (found.safety.workers, found.safety.opened) == ("any", ())


@pytest.mark.parametrize("name", STUCK)
def test_what_cannot_be_sent_is_named_and_threads_are_still_tried(tmp_path: Path, name: str):
    source, told = STUCK[name]
    found = seen(tmp_path, source, mixes=(THREADS, PROCESSES))
    assert f"the calls cannot be sent to another process: {told}" in found.told("ADV307", "info")
    assert found.outcomes()[1:] == ("ok", "failed")


@pytest.mark.parametrize("name", SENT)
def test_what_can_be_sent_is_not_flagged(tmp_path: Path, name: str):
    found = seen(tmp_path, SENT[name], mixes=(THREADS, PROCESSES))
    assert found.told("ADV307") == ""
    assert found.outcomes() == ("ok", "ok", "ok")


@pytest.mark.parametrize("name", LARGE)
def test_a_large_object_that_goes_with_each_call_is_told(tmp_path: Path, name: str):
    told = seen(tmp_path, LARGE[name], mixes=(PROCESSES,) * 3).told("ADV203")  # the least disturbed of three counts
    assert "2 processes send " in told
    assert ".step each time: about" in told


@pytest.mark.parametrize("name", SMALL)
def test_a_method_whose_object_is_cheap_to_send_is_not_flagged(tmp_path: Path, name: str):
    found = seen(tmp_path, SMALL[name], mixes=(PROCESSES,))
    assert found.outcomes() == ("ok", "ok")
    assert found.told("ADV203") == ""
