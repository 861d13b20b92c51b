"""A digest of a value that is equal for equal values, whatever the pickle memo or set order made of them."""

import hashlib
import struct

_MAX_ITEMS = 200_000  # nodes visited a digest: keeps one digest below about 0.1 s
_ATOMS = (type(None), bool, int, str, bytes, complex)


class _Budget(Exception):
    """The value is larger than a digest may cost."""


class _Walk:
    """One walk over one value."""

    def __init__(self):
        self.hash = hashlib.blake2b(digest_size=12)
        self.left = _MAX_ITEMS
        self.seen = {}

    def feed(self, value):
        self.left -= 1
        if self.left < 0:
            raise _Budget
        kind = type(value)
        if kind in _ATOMS:
            self.put(kind.__name__, value if kind is bytes else repr(value).encode("utf-8", "surrogatepass"))
        elif kind is float:
            self.put("float", struct.pack("<d", value))
        elif id(value) in self.seen:
            self.put("again", str(self.seen[id(value)]).encode())
        else:
            self.seen[id(value)] = len(self.seen)
            self.compound(kind, value)

    def put(self, name, data):
        self.hash.update(f"{name}:{len(data)}:".encode())
        self.hash.update(data)

    def compound(self, kind, value):
        if kind in (list, tuple):
            self.put(kind.__name__, str(len(value)).encode())
            for item in value:
                self.feed(item)
        elif kind is dict:
            self.put("dict", str(len(value)).encode())
            for key, item in value.items():
                self.feed(key)
                self.feed(item)
        elif kind in (set, frozenset):
            self.put("set", b"".join(sorted(digest(item).encode() for item in value)))
        else:
            self.object(kind, value)

    def object(self, kind, value):
        self.put("type", kind.__qualname__.encode())
        if hasattr(value, "tobytes") and hasattr(value, "dtype"):  # NumPy arrays and scalars, without NumPy
            self.put(str(value.dtype), value.tobytes())
        elif isinstance(value, (bytearray, memoryview)):
            self.put("buffer", bytes(value))
        elif isinstance(value, dict):
            self.compound(dict, dict(value))
        elif isinstance(value, (list, tuple)):
            self.compound(tuple, tuple(value))
        elif isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, type) and not callable(value):
            self.feed(value.__dict__)
        elif type(value).__reduce__ is not object.__reduce__ and not callable(value):
            self.feed(repr(value) if " at 0x" not in repr(value) else kind.__qualname__)


def digest(value):
    """Hex digest of `value` by structure; "" where the value is too large to walk.

    Objects that are neither containers nor arrays count by their `__dict__`; functions, classes and other
    opaque objects by their type alone. An address never enters, so a digest is the same in every process.
    """
    walk = _Walk()
    try:
        walk.feed(value)
    except _Budget:
        return ""
    except Exception:  # a value that cannot be looked at (a broken __repr__) has no digest
        return ""
    return walk.hash.hexdigest()
