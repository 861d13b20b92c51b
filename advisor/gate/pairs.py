"""In which order the two arms run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from advisor.model.check import Arm

_ABBA: tuple[Arm, ...] = ("base", "head", "head", "base")


def order() -> Iterator[Arm]:
    """Which arm runs next, for ever: base, head, head, base, so that a steady drift favours neither."""
    return cycle(_ABBA)
