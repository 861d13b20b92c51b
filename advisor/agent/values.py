"""Names for what belongs to the user's program, and may be anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Value = Any
Function = Callable[..., Any]
Arguments = tuple[Any, ...]
Keywords = dict[str, Any]
Loaded = tuple[Function, Arguments, Keywords]  # a task, ready to be called
