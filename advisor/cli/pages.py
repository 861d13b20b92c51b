"""What the HTML report of a script is called, so that no other script's is overwritten."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from advisor.model.target import Target

TAKEN = frozenset({"check", "history", "index"})
"""Pages of the folder that are no script's report."""


def report_in(folder: Path, target: Target) -> Path:
    """The report of a script or module in `folder`: its own of before, or one that is free.

    It is called by the script's stem or the dotted module. Where another script of the same stem has that name already,
    the folder that the script lies in goes before it, then a number behind it.
    """
    from advisor.report import card  # noqa: PLC0415  # --help need not wait

    program = card.program_of(target)
    for path in (folder / f"{name}.html" for name in _names(target)):
        found = card.found_in(head(path)) if path.is_file() else None
        if found is None or not found.program or found.program == program:
            return path
    raise AssertionError("numbers have no end")


def name_of(script: str | None, module: str | None) -> str:
    """The first name of a report, without its ending: never a path or another page."""
    stem = Path(script).stem if script is not None else Path(str(module)).name
    return f"{stem}-script" if stem in TAKEN else stem


def _names(target: Target) -> Iterator[str]:
    name = name_of(target.script, target.module)
    yield name
    if target.script is not None and target.roots and Path(target.roots[0]).name:
        yield f"{Path(target.roots[0]).name}-{name}"
    yield from (f"{name}-{number}" for number in itertools.count(2))


def head(file: Path) -> str:
    """The beginning of a page, "" where it cannot be read."""
    from advisor.report.card import HEAD_CHARS  # noqa: PLC0415  # as above

    try:
        with file.open(encoding="utf-8", errors="replace") as page:
            return page.read(HEAD_CHARS)
    except OSError:
        return ""
