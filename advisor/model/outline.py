"""A loop seen as a function of its items: what a turn is given, what it reads, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Start = Literal["value", "empty", "slots", "neutral"]
"""What an accumulator begins with in a turn of its own: the value it had (a number, a maximum), an empty container of
its kind, an empty mapping in place of a row whose elements are set, or what anything can be added to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A loop whose turns do not need each other, as the function that a turn of it would be.

    `line` and `column` are the loop statement's, or the comprehension's; `first_line` to `end_line` are its body, after
    `skip` statements that fetch the item. `items` are the names that differ from turn to turn, `fixed` the names that
    all turns read, of which `sent` are no globals and would have to travel to another process. `accumulators` are the
    names that turns only add to, with what each begins with; `outs` what is used after a turn, `changes` what it sets.
    `owner` is the class whose private names (`__x`) the body may use, "" where it stands in none.
    """

    file: str
    line: int
    column: int
    end_line: int
    first_line: int
    function: str
    items: tuple[str, ...]
    fixed: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    accumulators: tuple[tuple[str, Start], ...] = ()
    outs: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    skip: int = 0
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a loop cannot be seen so, in the user's names. `dependent` where its turns need each other."""

    why: str
    dependent: bool = False
