"""What SQLite connections run: statements that only read, or changes of a database.

A connection of one thread tells by SQLite's own trace callback, which leaves no mark on it; `sharedsql` has the others.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.machinery
import re
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from .sharedsql import SharedConnections

if TYPE_CHECKING:
    from .values import Arguments, Function, Keywords, Value

_READS = frozenset(
    {"SELECT", "EXPLAIN", "VALUES", "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "DETACH"}
)
# Of PRAGMAs, those that ask about the database, and those that set up the connection alone.
_ASKING_PRAGMAS = re.compile(
    r"(table|index|foreign_key|integrity|quick|database|function|collation|module|pragma|compile)_"
)
_SESSION_PRAGMAS = frozenset(
    {
        "busy_timeout",
        "cache_size",
        "case_sensitive_like",
        "foreign_keys",
        "mmap_size",
        "query_only",
        "read_uncommitted",
        "recursive_triggers",
        "synchronous",
        "temp_store",
        "threads",
    }
)
_WRITING_PRAGMAS = frozenset({"incremental_vacuum", "optimize", "wal_checkpoint"})
_PRAGMA = re.compile(r"PRAGMA\s+(?:\w+\s*\.\s*)?(\w+)\s*([=(])?", re.IGNORECASE)
_ASIDE = re.compile(  # texts, quoted names and comments: what looks like one inside another is none
    r"""'[^']*(?:'|$)|"[^"]*(?:"|$)|`[^`]*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*(?:\n|$)|/\*.*?(?:\*/|$)""",
    re.DOTALL,
)
_CHANGES = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]+")
_PREVIEW_CHARS = 60
_LOOKED_AT_CHARS = 4096
_TOLD_FURTHER_ON = ("", "WITH", "PRAGMA")
_ATTACHES = re.compile(r"\s*ATTACH\b", re.IGNORECASE)
_IN_MEMORY = (":memory:", "")
_MEMORY_URI = re.compile(r"file::memory:|file:.*[?&]mode=memory")
_SAME_THREAD, _FACTORY = 4, 5  # where `sqlite3.connect` takes these, if not by name


def reads_only(statement: str) -> bool:
    """True for a statement that changes nothing. A PRAGMA that sets something, and a WITH that writes, change."""
    text, head = _begins(statement[:_LOOKED_AT_CHARS])  # with the values of its parameters it may be megabytes long
    if len(statement) > _LOOKED_AT_CHARS and head in _TOLD_FURTHER_ON:
        text, head = _begins(statement)
    if head == "PRAGMA":
        return _pragma_reads_only(text)
    if head == "WITH":
        return not _CHANGES.search(text)
    return not head or head in _READS


def _begins(statement: str) -> tuple[str, str]:
    """The statement without comments, texts and quoted names, and its first word."""
    text = _ASIDE.sub(" ", statement).lstrip(" \t\r\n(;")
    word = _WORD.match(text)
    return text, word.group().upper() if word else ""


def _pragma_reads_only(text: str) -> bool:
    found = _PRAGMA.match(text)
    if found is None:
        return False
    name, argument = found[1].lower(), found[2]
    if name in _SESSION_PRAGMAS or _ASKING_PRAGMAS.match(name):
        return True
    return argument is None and name not in _WRITING_PRAGMAS


class Statements:
    """What one SQLite connection runs."""

    def __init__(self, database: object, effect: Callable[[str, str], None]) -> None:
        """`database` is what was connected to: one in memory is no more than an object of the script's."""
        self.in_memory = database in _IN_MEMORY
        self.effect = effect

    def runs(self, statement: str) -> None:
        """`statement` is about to run."""
        if self.in_memory and not _ATTACHES.match(statement):
            return
        if reads_only(statement):
            return
        self.in_memory = False  # from here on a file may be among its databases
        self.effect("database", f"runs {' '.join(statement[:_LOOKED_AT_CHARS].split())[:_PREVIEW_CHARS]}")


class Databases:
    """Watches every connection that `sqlite3.connect` makes, from the import of `sqlite3` on."""

    def __init__(self, effect: Callable[[str, str], None]) -> None:
        self.effect = effect
        self.places: dict[int, object] = {}  # id of a connection -> its database: of a later one by the same id, that

    def install(self) -> None:
        """Watch the module if it is there, or when it comes: as an import hook, so that nobody pays for it before."""
        module = sys.modules.get("sqlite3")
        if module is not None:
            self.watch(module)
        else:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find `sqlite3` as ever, and look at it once it has been imported."""
        if name != "sqlite3":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            with contextlib.suppress(ValueError):  # stays until then: a spec may be asked for and not used
                sys.meta_path.remove(self)
            self.watch(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    def watch(self, module: Value) -> None:
        """Replace `connect` in `sqlite3` and `sqlite3.dbapi2`."""
        plain = module.connect
        shared = SharedConnections(module, lambda database: Statements(database, self.effect))

        def connect(*args: Value, **kwargs: Value) -> Value:
            if not (args[_SAME_THREAD] if len(args) > _SAME_THREAD else kwargs.get("check_same_thread", True)):
                if len(args) > _FACTORY:
                    args = (*args[:_FACTORY], shared.under(args[_FACTORY]), *args[_FACTORY + 1 :])
                else:
                    kwargs["factory"] = shared.under(kwargs.get("factory", module.Connection))
                connection = plain(*args, **kwargs)
            else:
                connection = plain(*args, **kwargs)
                connection.set_trace_callback(Statements(_database(args, kwargs), self.effect).runs)
            self.places[id(connection)] = _database(args, kwargs)
            return connection

        module.connect = module.dbapi2.connect = _Builtin(plain, connect)

    def is_on_disk(self, value: Value) -> bool:
        """True for a connection to a database in a file, or a cursor of one: it must not be carried over a fork.

        Source: "How To Corrupt An SQLite Database File", section 2.6, in SQLite's documentation.
        """
        module = sys.modules.get("sqlite3")
        if module is None or not issubclass(type(value), (module.Connection, module.Cursor)):  # asks no stand-in
            return False
        connection = value.connection if isinstance(value, module.Cursor) else value
        place = self.places.get(id(connection))
        return place not in _IN_MEMORY and not (isinstance(place, str) and _MEMORY_URI.match(place))


class _Builtin:
    """Stands in for a function written in C: as an attribute of a class it is not bound to the object."""

    def __init__(self, plain: Function, function: Function) -> None:
        functools.update_wrapper(self, plain)
        self._function = function

    def __call__(self, *args: Value, **kwargs: Value) -> Value:
        """Call what stands in."""
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)  # type: ignore[attr-defined]  # by `update_wrapper`


def _database(args: Arguments, kwargs: Keywords) -> object:
    return args[0] if args else kwargs.get("database")
