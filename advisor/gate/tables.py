"""A table of a configuration file, read key by key: each with its type, and none that is not known."""

from __future__ import annotations

import difflib
import math
import posixpath
import re
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from advisor.errors import ConfigError
from advisor.model.trial import SERIAL, WorkerMix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
D = TypeVar("D")
AS_MUCH_ALIKE = 0.5  # of difflib's ratio: `treshold` and `budget_s` are told, `verbose` is like none
MOST_PERCENT = 1000  # a bare number up to here may be meant as a percentage
PERCENT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*", re.ASCII)
MIX = re.compile(r"([1-9][0-9]{0,4}) (threads?|process(?:es)?)(?: x ([1-9][0-9]{0,4}) threads?)?", re.ASCII)
LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class Table:
    """One table. `values` is what TOML made of it, `place` how people write it (`[tool.advise.check]`).

    `path` is its dotted path. Raises ConfigError where it is no table or has a key that is not among `known`.
    """

    def __init__(self, values: object, *, source: str, path: str, known: Sequence[str], place: str = "") -> None:
        self.source = source
        self.path = path
        self.place = place or f"[{path}]"
        if not isinstance(values, dict):
            raise self.error(f"{self.place} is to be a table, not {shown(values)}")
        self.values = values
        for key in values:
            if key not in known:
                raise self._unknown(key, known)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def get(self, key: str, read: Callable[[object], T], default: D) -> T | D:
        """The value of `key` as `read` takes it, `default` where there is none.

        `read` raises ValueError with what it expects; from here that is a ConfigError which names the key.
        """
        if key not in self.values:
            return default
        try:
            return read(self.values[key])
        except ValueError as error:
            value = shown(self.values[key])
            raise self.error(f"`{key}` in {self.place} is {value}", key=key, cure=f"give {error}") from error

    def error(self, what: str, *, key: str = "", why: str = "", cure: str = "") -> ConfigError:
        """An error of this table, or of one key in it."""
        path = f"{self.path}.{key}" if key else self.path
        return ConfigError(what, source=self.source, key=path, why=why, cure=cure)

    def _unknown(self, key: str, known: Sequence[str]) -> ConfigError:
        near = difflib.get_close_matches(key.lower().replace("_", "-"), known, n=1, cutoff=AS_MUCH_ALIKE)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        cure = f"the keys there are {', '.join(known)}"
        return self.error(f"unknown key `{key}` in {self.place}{hint}", key=key, cure=cure)


def text(value: object) -> str:
    """A string that may go to a program or a file system: not empty, no NUL."""
    if not is_text(value) or not value.strip():
        raise ValueError('a text in quotes, such as "report"')
    return value


def argument(value: object) -> str:
    """One argument of a program; it may be empty."""
    if not is_text(value):
        raise ValueError("a list of texts")
    return value


def revision(value: object) -> str:
    """A revision's name; nothing that git would take for an option."""
    if not is_text(value) or not value.strip() or value.startswith("-"):
        raise ValueError('a revision, such as "origin/main"')
    return value


def inside(value: object) -> str:
    """A path with `/` below the folder of the configuration, in its shortest form (a folder's last `/` goes)."""
    expected = 'a path relative to the folder of this file and below it, such as "jobs/report.py"'
    if not is_text(value) or not value.strip():
        raise ValueError(expected)
    path = posixpath.normpath(value)
    if posixpath.isabs(path) or path.split("/")[0] == "..":
        raise ValueError(expected)
    return path


def module(value: object) -> str:
    """A dotted module name."""
    if not isinstance(value, str) or not MODULE.fullmatch(value):
        raise ValueError('a module as `python -m` takes it, such as "tools.index"')
    return value


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false, without quotes")  # noqa: TRY004  # one kind of error for every misfit
    return value


def seconds(value: object) -> float:
    """A finite number of seconds over 0."""
    return _number(value, over=0, expected="a number of seconds over 0, such as 60")


def times(value: object) -> float:
    """How many times more or less: a finite number over 1."""
    return _number(value, over=1, expected="how many times, a number over 1, such as 2.0")


def share(value: object) -> float:
    """A share over 0 as "3%" or 0.03. A bare number from 1 on could mean either and is refused."""
    if isinstance(value, str) and (found := PERCENT.fullmatch(value)):
        value = float(found[1]) / 100
        if 0 < value < math.inf:
            return value
    elif is_number(value) and 1 <= value <= MOST_PERCENT:
        raise ValueError(f'a share or a percentage: write "{value:g}%" if {value:g}% is meant, or "{value * 100:g}%"')
    elif is_number(value) and value > 1:
        value = None
    return _number(value, over=0, expected='a percentage over 0 such as "3%", or a share such as 0.03')


def part(value: object) -> float:
    """A share of a whole: over 0, at most "100%"."""
    found = share(value)
    if found > 1:
        raise ValueError('a part of a whole: at most "100%"')
    return found


def rarity(value: object) -> float:
    """A rate of false alarms that somebody could want: over 0, at most half."""
    found = share(value)
    if found > 0.5:  # noqa: PLR2004  # a coin does as well
        raise ValueError('a rate of at most "50%", such as "1%"')
    return found


def mix(value: object) -> WorkerMix:
    """A mix as `WorkerMix` shows it: "serial", "4 threads", "2 processes", "2 processes x 4 threads"."""
    if value == "serial":
        return SERIAL
    found = MIX.fullmatch(value) if isinstance(value, str) else None
    if found is None or (found[2].startswith("thread") and found[3] is not None):
        raise ValueError('"serial", "4 threads", "2 processes" or "2 processes x 4 threads"')
    if found[2].startswith("thread"):
        return WorkerMix(backend="threads", threads_per_process=int(found[1]))
    if found[3] is None:
        return WorkerMix(backend="processes", processes=int(found[1]))
    return WorkerMix(backend="hybrid", processes=int(found[1]), threads_per_process=int(found[3]))


def list_of(read: Callable[[object], T], expected: str) -> Callable[[object], tuple[T, ...]]:
    """A reader of lists whose items `read` takes."""

    def read_list(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ValueError(expected)  # noqa: TRY004  # as above
        return tuple(read(each) for each in value)

    return read_list


def shown(value: object) -> str:
    """A value as TOML would write it, near enough to be found in the file; long ones cut."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        return "a list of tables"
    written = f'"{value}"' if isinstance(value, str) else str(value)
    return written if len(written) <= 60 else f"{written[:57]}..."  # noqa: PLR2004  # what fits a line


def is_text(value: object) -> TypeGuard[str]:
    """True for a string that a program can be given: no NUL, and no lone surrogate, which UTF-8 cannot hold."""
    return isinstance(value, str) and "\0" not in value and not LONE_SURROGATE.search(value)


def is_number(value: object) -> TypeGuard[float]:
    """True for TOML's integers and floats; its booleans are Python's integers, and are not meant."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: object, *, over: float, expected: str) -> float:
    if not is_number(value) or not over < value < math.inf:
        raise ValueError(expected)
    try:
        return float(value)
    except OverflowError as error:  # TOML's integers have no end
        raise ValueError(expected) from error
