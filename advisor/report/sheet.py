"""Plain text of a given width: wrapped paragraphs, tables and colours, for what is shown on a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from tabulate import tabulate

if TYPE_CHECKING:
    from collections.abc import Sequence

Cells = tuple[str, ...]
DEFAULT_WIDTH = 80
LEAST_WIDTH = 40  # below this a table is left to the terminal to wrap
BOLD, GREEN, YELLOW, RED, PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"


class Sheet:
    """A page of about `width` columns; ANSI colours where `color` is set."""

    def __init__(self, width: int, color: bool) -> None:
        self.width = max(width, LEAST_WIDTH)
        self.color = color

    def wrap(self, text: str, indent: str = "") -> str:
        """`text` in lines of the sheet's width, all but the first begun with `indent`."""
        return textwrap.fill(text, self.width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)

    def paint(self, text: str, code: str) -> str:
        """`text` in the colour `code`, one of this module's."""
        return f"{code}{text}{PLAIN}" if self.color and code and text else text

    def table(self, title: str, headers: Cells, rows: Sequence[Cells], left: Cells) -> str:
        """A titled table, "" without rows; columns named in `left` begin at the left, the others end at the right."""
        if not rows:
            return ""
        align = ["left" if name in left else "right" for name in headers]
        body = tabulate(rows, headers, "simple", disable_numparse=True, colalign=align, preserve_whitespace=True)
        return f"{self.paint(title, BOLD)}\n\n" + "\n".join(line.rstrip() for line in body.splitlines())
