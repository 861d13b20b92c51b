"""The command that makes an advice anew, as a shell reads it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from advisor.model.target import OWN_INTERPRETER
from advisor.report import words

if TYPE_CHECKING:
    from advisor.model.target import Target

SURROGATES = range(0xDC80, 0xDD00)
"""Bytes that were no UTF-8, as Python keeps them in names (PEP 383): 0xDC00 and the byte."""


def command(target: Target) -> str:
    """`advise` with the interpreter, where it was chosen, and the script with its arguments: printable, for a shell."""
    chosen = ["--python", target.python] if target.python_why != OWN_INTERPRETER else []
    program = [target.script] if target.script is not None else ["-m", str(target.module)]
    end = ["--"] if program[0].startswith("-") and target.script is not None else []
    return " ".join(quoted(word) for word in ("advise", *chosen, *end, *program, *target.argv))


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
