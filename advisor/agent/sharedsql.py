"""Classes under `sqlite3`'s own, for connections that threads share: the same, but they tell what they run.

SQLite's trace callback would do without them, and deadlocks: SQLite calls back while it holds the connection's mutex,
Python's callback then waits for the GIL, and the thread that has the GIL may wait for that mutex (binding a parameter
takes it). A connection of one thread alone has no such other thread.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .values import Function, Value

_MOST_PARTS = 100  # of one statement between semicolons: each is looked at from its beginning
_EXECUTING = ("execute", "executemany", "executescript")


class Statements(Protocol):
    """Who hears of what a connection runs."""

    def runs(self, statement: str) -> None:
        """`statement` is about to run."""


class SharedConnections:
    """The watched classes, one under each class of connections or cursors that a script uses."""

    def __init__(self, module: Value, listen: Callable[[object], Statements]) -> None:
        """`module` is `sqlite3`; `listen` is given the database of each new connection."""
        self.module = module
        self.listen = listen
        self.classes: dict[type, type] = {}
        self.made: set[type] = set()

    def under(self, factory: Value) -> Value:
        """The watched class for `factory`; `factory` itself where it is no class, or none to derive from."""
        kinds = (self.module.Connection, self.module.Cursor)
        if not (isinstance(factory, type) and issubclass(factory, kinds)) or factory in self.made:
            return factory
        if factory not in self.classes:
            members = self._cursor(factory) if issubclass(factory, self.module.Cursor) else self._connection(factory)
            if factory in kinds:  # else the name is that of a class made by a `class` statement, as this one
                members["__reduce_ex__"] = _refusing_to_pickle(f"{factory.__module__}.{factory.__name__}")
            members.update(__module__=factory.__module__, __qualname__=factory.__qualname__, __doc__=factory.__doc__)
            try:
                made = types.new_class(factory.__name__, (factory,), {}, lambda body: body.update(members))
            except Exception:  # a metaclass, or an `__init_subclass__` of the user's
                return factory
            self.classes[factory] = made
            self.made.add(made)
        return self.classes[factory]

    def _connection(self, base: Value) -> dict[str, Value]:
        plain = self.module.Connection

        def start(connection: Value, *args: Value, **kwargs: Value) -> None:
            statements = self.listen(args[0] if args else kwargs.get("database"))
            object.__setattr__(connection, "_advise_statements", statements)  # a class may have a rule of its own
            base.__init__(connection, *args, **kwargs)

        def cursor(connection: Value, factory: Value = self.module.Cursor) -> Value:
            return plain.cursor(connection, self.under(factory))

        def by_cursor(name: str) -> Function:
            def execute(connection: Value, *args: Value) -> Value:
                return getattr(cursor(connection), name)(*args)

            return execute

        members: dict[str, Value] = {"__slots__": ("_advise_statements",), "__init__": start}
        if base.cursor is plain.cursor:  # else the script makes its cursors by a rule of its own
            members["cursor"] = cursor
        for name in _EXECUTING:
            own = getattr(base, name) is not getattr(plain, name)
            members[name] = self._telling(base, name, lambda connection: connection) if own else by_cursor(name)
        return _looking_alike(members, base)

    def _cursor(self, base: Value) -> dict[str, Value]:
        members = {name: self._telling(base, name, lambda cursor: cursor.connection) for name in _EXECUTING}
        return _looking_alike({"__slots__": (), **members}, base)

    def _telling(self, base: Value, name: str, connection_of: Function) -> Function:
        plain = getattr(base, name)
        split = self._split if name == "executescript" else lambda statement: (statement,)

        def execute(holder: Value, *args: Value, **kwargs: Value) -> Value:
            statements = getattr(connection_of(holder), "_advise_statements", None)
            if statements is not None and args and isinstance(args[0], str):
                for statement in split(args[0]):
                    statements.runs(statement)
            return plain(holder, *args, **kwargs)

        return execute

    def _split(self, script: str) -> Iterator[str]:
        statement, parts = "", 0
        for part in script.split(";"):
            statement += f"{part};"
            parts += 1
            # Else the ";" stands in a string, a comment or a trigger; one with very many of them is cut somewhere.
            if parts > _MOST_PARTS or self.module.complete_statement(statement):
                yield statement
                statement, parts = "", 0
        yield statement


def _refusing_to_pickle(name: str) -> Function:
    def refuse(_self: Value, _protocol: int) -> Value:
        raise TypeError(f"cannot pickle {name!r} object")

    return refuse


def _looking_alike(members: dict[str, Value], base: Value) -> dict[str, Value]:
    return {
        name: functools.wraps(getattr(base, name))(member) if isinstance(member, types.FunctionType) else member
        for name, member in members.items()
    }
