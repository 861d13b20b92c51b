"""What code a call enters."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .values import Value


def code_of(target: Value) -> types.CodeType | None:
    """The code object that a call of `target` enters, or None for one without Python code."""
    for _ in range(8):  # partials of bound methods of wrapped functions; no longer chain is in earnest
        if hasattr(target, "__wrapped__"):
            target = target.__wrapped__
        elif hasattr(target, "__func__"):
            target = target.__func__
        elif hasattr(target, "func") and not hasattr(target, "__code__"):
            target = target.func
        elif isinstance(target, type):
            target = getattr(target, "__init__")  # noqa: B009 - of the class as it is, not of its instances
        elif not hasattr(target, "__code__") and hasattr(type(target).__call__, "__code__"):
            target = type(target).__call__
        else:
            break
    code = getattr(target, "__code__", None)
    return code if isinstance(code, types.CodeType) else None
