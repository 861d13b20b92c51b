"""The command that makes an advice anew, as a shell reads it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

from advisor.model.target import OWN_INTERPRETER, AdviceSettings
from advisor.report import words

if TYPE_CHECKING:
    from advisor.model.target import Target

SURROGATES = range(0xDC80, 0xDD00)
"""Bytes that were no UTF-8, as Python keeps them in names (PEP 383): 0xDC00 and the byte."""


def command(target: Target, settings: AdviceSettings) -> str:
    """`advise` with what was set, the interpreter, where it was chosen, and the script with its arguments.

    Printable, for a shell. What is written where, and what is left out of it, is not part of it.
    """
    chosen = ["--python", target.python] if target.python_why != OWN_INTERPRETER else []
    chosen += [word for option, value in _set(settings) for word in (option, value)]
    program = [target.script] if target.script is not None else ["-m", str(target.module)]
    end = ["--"] if program[0].startswith("-") and target.script is not None else []
    return " ".join(quoted(word) for word in ("advise", *chosen, *end, *program, *target.argv))


def _set(settings: AdviceSettings) -> Iterator[tuple[str, str]]:
    """The options that differ from what `advise` does unasked."""
    for each in fields(AdviceSettings):
        value = getattr(settings, each.name)
        if value != each.default:
            name = each.name.removesuffix("_s").replace("_", "-")
            yield f"--{name}", str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def quoted(word: str) -> str:
    """A word as sh reads it; one that cannot be shown as it is, in the `$'...'` of bash, zsh and ksh."""
    if words.printable(word) == word:
        return shlex.quote(word)
    return "$'" + "".join(_letter(char) for char in word) + "'"


def _letter(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    if words.printable(char) == char:
        return char
    raw = bytes([ord(char) & 0xFF]) if ord(char) in SURROGATES else char.encode("utf-8", "backslashreplace")
    return "".join(f"\\x{byte:02x}" for byte in raw)
