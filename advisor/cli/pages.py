"""What the HTML report of a script is called, so that no other script's is overwritten."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TAKEN = frozenset({"check", "history", "index"})
"""Pages of the folder that are no script's report."""


def report_in(folder: Path, script: str | None, module: str | None) -> Path:
    """The report of a script (as it was typed) or a module in `folder`: its own of before, or one that is free.

    It is called by the script's stem or the dotted module. Where a script of the same stem has that name already, the
    folder that the script lies in goes before it, then a number behind it.
    """
    from advisor.report import card  # noqa: PLC0415  # --help need not wait

    program = card.program_of(script, module)
    for path in (folder / f"{name}.html" for name in _names(script, module)):
        found = card.found_in(head(path)) if path.is_file() else None
        if found is None or not found.program or found.program == program:
            return path
    raise AssertionError("numbers have no end")


def _names(script: str | None, module: str | None) -> Iterator[str]:
    """Names without their ending, never a path or another page."""
    stem = Path(script).stem if script is not None else Path(str(module)).name
    name = f"{stem}-script" if stem in TAKEN else stem
    yield name
    beside = Path(os.path.abspath(script)).parent.name if script is not None else ""  # noqa: PTH100  # no link followed
    if beside:
        yield f"{beside}-{name}"
    yield from (f"{name}-{number}" for number in itertools.count(2))


def head(file: Path) -> str:
    """The beginning of a page, "" where it cannot be read."""
    from advisor.report.card import HEAD_CHARS  # noqa: PLC0415  # as above

    try:
        with file.open(encoding="utf-8", errors="replace") as page:
            return page.read(HEAD_CHARS)
    except OSError:
        return ""
