"""A digest of a value that is equal for equal values, whatever sharing, set order or address made of them."""

from __future__ import annotations

import copyreg
import hashlib
import marshal
import re
import types
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .values import Value

_MAX_NODES = 100_000  # containers and objects visited a digest: keeps one digest below about 0.2 s
_FLAT_ITEMS_PER_NODE = 64  # items of a list of plain numbers that take as long as one node
_MAX_ARRAY_BYTES = 256 * 2**20  # a digest of that takes about 0.3 s
_MARSHAL = 0  # the one marshal version whose output does not depend on interning or reference counts
ATOMS = frozenset({type(None), bool, int, float, str, bytes, complex})
_BY_NAME = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
_DIGEST_BYTES = 12
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # in `<Page object at 0x7f...>`: no two runs have the same
_ADDRESS_MARK = b" at 0x"


class _TooLargeError(Exception):
    """The value is larger than a digest may cost."""


class _Walk:
    """One walk over one value."""

    def __init__(self, most_nodes: int) -> None:
        self.hash = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        self.left = min(most_nodes, _MAX_NODES)
        self.path: dict[int, int] = {}

    def feed(self, value: Value) -> None:
        kind = type(value)
        if kind in ATOMS:
            if kind is str and " at 0x" in value:
                value = _ADDRESS.sub(" at 0x", value)
            self.put(b"atom", marshal.dumps(value, _MARSHAL))
            return
        self.spend(1)
        place = id(value)
        if place in self.path:  # a cycle; a value met twice on different paths counts twice, like two equal ones
            self.put(b"cycle", b"%d" % (len(self.path) - self.path[place]))
            return
        self.path[place] = len(self.path)
        self.compound(kind, value)
        del self.path[place]

    def spend(self, nodes: int) -> None:
        self.left -= nodes
        if self.left < 0:
            raise _TooLargeError

    def put(self, name: bytes, data: bytes) -> None:
        self.hash.update(b"%b:%d:" % (name, len(data)))
        self.hash.update(data)

    def compound(self, kind: type, value: Value) -> None:
        if kind is list or kind is tuple:
            self.sequence(kind, value)
        elif kind is dict:
            self.mapping(value.items())
        elif isinstance(value, (set, frozenset)):
            self.put(b"set", b"".join(sorted(self.apart(item) for item in value)))
        elif isinstance(value, _BY_NAME):
            self.put(
                b"name",
                f"{value.__module__}.{value.__qualname__}".encode()
                if hasattr(value, "__qualname__")
                else value.__name__.encode(),
            )
        elif hasattr(kind, "tobytes") and hasattr(kind, "dtype"):  # NumPy arrays and scalars, without NumPy
            self.array(value)
        elif kind is bytearray or kind is memoryview:
            self.put(b"buffer", bytes(value))
        else:
            self.reduced(kind, value)

    def sequence(self, kind: type, value: Value) -> None:
        if ATOMS.issuperset(map(type, value)):
            self.spend(len(value) // _FLAT_ITEMS_PER_NODE)
            flat = marshal.dumps(value, _MARSHAL)
            if _ADDRESS_MARK not in flat:
                self.put(b"flat", flat)
                return
        self.put(kind.__name__.encode(), b"%d" % len(value))
        for item in value:
            self.feed(item)

    def mapping(self, items: Iterable[tuple[Any, Any]]) -> None:
        """Equal dicts may differ in order, so the entries are put in one."""
        self.put(b"dict", b"".join(sorted(self.apart(key, item) for key, item in items)))

    def apart(self, *values: object) -> bytes:
        """Digest of `values` by themselves, on the same budget and path."""
        outer, self.hash = self.hash, hashlib.blake2b(digest_size=_DIGEST_BYTES)
        try:
            for value in values:
                self.feed(value)
            return self.hash.digest()
        finally:
            self.hash = outer

    def array(self, value: Value) -> None:
        self.put(b"array", f"{value.dtype}{value.shape}".encode())
        if value.dtype.hasobject:  # its bytes are addresses
            self.feed(value.tolist())
        elif value.nbytes > _MAX_ARRAY_BYTES:
            raise _TooLargeError
        else:
            self.put(b"data", value.tobytes())

    def reduced(self, kind: type, value: Value) -> None:
        """Any other object is what pickle would take of it: class, arguments, state, items."""
        self.put(b"object", f"{kind.__module__}.{kind.__qualname__}".encode())
        try:
            reducer = copyreg.dispatch_table.get(kind)
            parts = reducer(value) if reducer is not None else value.__reduce_ex__(4)
        except Exception:  # files, locks, sockets, generators: known by their type alone
            return
        if isinstance(parts, str):
            self.put(b"name", parts.encode())
            return
        state, items, entries = (*parts[2:5], None, None, None)[:3]
        self.feed(parts[0])
        self.feed(parts[1])
        self.feed(state)
        for item in items or ():
            self.feed(item)
        if entries is not None:
            self.mapping(entries)


def digest(value: object, most_nodes: int = _MAX_NODES) -> str:
    """Hex digest of `value` by structure; "" where the value is too large or too odd to walk.

    `most_nodes` bounds the containers and objects walked over, below the usual limit.

    Functions, classes and modules count by their name, objects that cannot be pickled by their type alone.
    No addresses enter, not even those that a text shows, nor does the interpreter's hash seed, so a digest is the same
    in every process.
    """
    walk = _Walk(most_nodes)
    try:
        walk.feed(value)
    except Exception:  # too large, too deep, or with a __reduce__ that fails half-way
        return ""
    return walk.hash.hexdigest()
