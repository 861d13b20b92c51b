"""Connections that threads share: they behave as ever, and tell what they run without SQLite calling back."""

from __future__ import annotations

import functools
import pickle
import sqlite3
import subprocess
import sys
import types
from collections.abc import Callable, Iterator

import pytest

from advisor.agent.sql import Databases

Connect = Callable[..., sqlite3.Connection]


@pytest.fixture
def told() -> list[str]:
    """The changes that were told."""
    return []


@pytest.fixture
def connect(told: list[str]) -> Iterator[Connect]:
    """`sqlite3.connect`, watched, in a module of its own."""
    module = types.ModuleType("sqlite3")
    module.__dict__.update(vars(sqlite3), dbapi2=types.ModuleType("dbapi2"))
    Databases(lambda _kind, detail: told.append(detail)).watch(module)
    opened: list[sqlite3.Connection] = []

    def on_file(*args: object, **kwargs: object) -> sqlite3.Connection:
        opened.append(module.connect(*args, **kwargs))
        return opened[-1]

    yield on_file
    for connection in opened:
        connection.close()


class OwnCursor(sqlite3.Cursor):
    """A cursor as frameworks have it."""

    def execute(self, query: str, params: object = ()) -> OwnCursor:  # type: ignore[override]
        return super().execute(query.replace("%s", "?"), params)  # type: ignore[arg-type,return-value]


class OwnConnection(sqlite3.Connection):
    """A connection with methods of its own, and an `__init__` that runs a statement."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.own = 1
        self.execute("create table t(x)")

    def cursor(self) -> sqlite3.Cursor:  # type: ignore[override]
        return super().cursor(OwnCursor)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (lambda con: con.execute("insert into t values (?)", (1,)), ["runs insert into t values (?)"]),
        (lambda con: con.cursor().execute("delete from t"), ["runs delete from t"]),
        (lambda con: con.execute("select 1").execute("delete from t"), ["runs delete from t"]),
        (lambda con: con.executemany("insert into t values (?)", [(1,), (2,)]), ["runs insert into t values (?)"]),
        (
            lambda con: con.cursor(OwnCursor).execute("insert into t values (%s)", params=(1,)),
            ["runs insert into t values (%s)"],
        ),
        (
            lambda con: con.executescript("select 'a;drop'; /* ; */ delete from t; select 2"),
            ["runs /* ; */ delete from t;"],
        ),
        (lambda con: con.execute("select 'a;b' -- ;").fetchall(), []),
    ],
)
def test_changes_are_told_however_they_are_run(
    connect: Connect,
    told: list[str],
    tmp_path: object,
    run: Callable[[sqlite3.Connection], object],
    expected: list[str],
) -> None:
    con = connect(f"{tmp_path}/db", check_same_thread=False)
    con.execute("create table t(x)")
    told.clear()
    run(con)
    assert told == expected


def test_classes_of_the_script_are_told_of_and_keep_their_ways(
    connect: Connect, told: list[str], tmp_path: object
) -> None:
    con = connect(f"{tmp_path}/db", check_same_thread=False, factory=OwnConnection)
    assert told == ["runs create table t(x)"]
    assert isinstance(con, OwnConnection)
    assert con.own == 1
    assert type(con.cursor()) is OwnCursor


@pytest.mark.filterwarnings("ignore:Passing more than 1 positional argument:DeprecationWarning")
def test_arguments_may_stand_in_their_order(connect: Connect, told: list[str], tmp_path: object) -> None:
    other = connect(f"{tmp_path}/db", 5.0, 0, None, False, sqlite3.Connection, 64)
    other.execute("create table t(x)")
    assert told == ["runs create table t(x)"]


def test_a_factory_that_is_no_class_is_left_alone(connect: Connect, tmp_path: object) -> None:
    con = connect(f"{tmp_path}/db", check_same_thread=False, factory=functools.partial(sqlite3.Connection))
    assert type(con) is sqlite3.Connection


def test_a_watched_connection_behaves_like_a_plain_one(connect: Connect, tmp_path: object) -> None:
    con = connect(f"{tmp_path}/db", check_same_thread=False)
    assert repr(con).startswith("<sqlite3.Connection object at")
    assert not hasattr(con, "__dict__")
    con.row_factory = sqlite3.Row
    with con:
        con.execute("create table t(x)")
        assert con.execute("insert into t values (7)").lastrowid == 1
    assert con.execute("select x from t").fetchone()["x"] == 7
    assert next(iter(con.iterdump())) == "BEGIN TRANSACTION;"
    with pytest.raises(sqlite3.OperationalError, match="no such table: u"):
        con.execute("select * from u")
    with pytest.raises(TypeError, match=r"cannot pickle 'sqlite3\.Connection' object"):
        pickle.dumps(con)
    with pytest.raises(TypeError):
        con.execute()  # type: ignore[call-arg]
    with pytest.raises(sqlite3.ProgrammingError):
        con.cursor().execute("select ?", (1, 2))


def test_connections_to_files_are_told_from_others(tmp_path: object) -> None:
    databases = Databases(lambda *_: None)
    module = types.ModuleType("sqlite3")
    module.__dict__.update(vars(sqlite3), dbapi2=types.ModuleType("dbapi2"))
    databases.watch(module)
    file, memory = module.connect(f"{tmp_path}/db"), module.connect(":memory:", check_same_thread=False)
    assert databases.is_on_disk(file)
    assert databases.is_on_disk(file.cursor())
    assert not databases.is_on_disk(memory)
    assert not databases.is_on_disk(memory.cursor())
    assert not databases.is_on_disk("con")
    named = module.connect("file:x?mode=memory&cache=shared", uri=True)
    assert not databases.is_on_disk(named)
    named.close()
    file.close()
    memory.close()


AS_A_BUILTIN = """
import importlib.util, sys
from advisor.agent.sql import Databases

told = []
Databases(lambda _kind, detail: told.append(detail)).install()
importlib.util.find_spec("sqlite3")  # asked for, not imported
import sqlite3


class Store:
    connect = sqlite3.connect


con = Store().connect(sys.argv[1])
con.execute("create table t (x)")
con.close()
print(sqlite3.connect, sqlite3.connect.__name__, len(told), any("Databases" in repr(each) for each in sys.meta_path))
"""


def test_what_stands_in_for_connect_is_bound_to_no_object_and_watches_though_the_module_was_only_looked_for(
    tmp_path: object,
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", AS_A_BUILTIN, f"{tmp_path}/db"], check=True, capture_output=True, text=True
    )
    assert ran.stdout == "<built-in function connect> connect 1 False\n"


SHARED = """
import sqlite3, sys, threading
from advisor.agent.sql import Databases
Databases(lambda *effect: None).watch(sqlite3)
con = sqlite3.connect(sys.argv[1], check_same_thread=False)
con.execute("create table t(x)")
con.executemany("insert into t values (?)", [(each,) for each in range(50)])
def read():
    for turn in range(500):
        con.execute("select x from t where x = ?", (turn % 50,)).fetchone()
threads = [threading.Thread(target=read) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_threads_that_share_a_connection_do_not_block_each_other_for_good(tmp_path: object) -> None:
    """With SQLite's trace callback they do, at once and on every Python: one has its mutex, the other the GIL."""
    subprocess.run([sys.executable, "-c", SHARED, f"{tmp_path}/db"], check=True, timeout=60)
