"""The index of a folder of reports, written anew after each of them."""

from __future__ import annotations

import stat
from os import stat_result
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.cli import files, output
from advisor.cli.pages import head
from advisor.errors import AdvisorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from advisor.report.index import Entry

FILE = "index.html"
LARGEST_BYTES = 5_000_000  # no report of ours is larger
MOST_PAGES = 2000
TURNS = 5  # reports that end while the index is written make it be written again, so often at most

State = tuple[int, int]


def rebuild(folder: Path) -> None:
    """Write `index.html` over all reports in `folder`, unless a file of that name is none of ours.

    Of two at once the later has the reports of both: each looks again when it has written. What goes wrong is told
    and changes no answer.
    """
    from advisor.report import index  # noqa: PLC0415  # --help need not wait

    try:
        for _ in range(TURNS):
            pages = _pages(folder)
            if not _ours(folder / FILE):
                return
            newest = list(pages)[:MOST_PAGES]
            text = index.render(_entries(folder, newest), left_out=len(pages) - len(newest))
            files.write(folder / FILE, text)
            if _pages(folder) == pages:
                return
    except (AdvisorError, OSError) as error:
        output.complain(f"the index of the reports is not up to date: {error}")


def _pages(folder: Path) -> Mapping[str, State]:
    """The HTML files of a folder but its index, the newest first, each with what changes where it is written anew."""
    found = [(name, each) for name, each in _regular(folder) if each.st_size <= LARGEST_BYTES]
    found.sort(key=lambda page: (-page[1].st_mtime_ns, page[0]))
    return {name: (each.st_mtime_ns, each.st_ino) for name, each in found}


def _regular(folder: Path) -> Iterator[tuple[str, stat_result]]:
    for path in folder.glob("*.html"):
        try:
            found = path.stat()
        except OSError:
            continue  # gone meanwhile, or a link to nothing
        if stat.S_ISREG(found.st_mode) and path.name != FILE and not path.name.startswith("."):
            yield path.name, found


def _entries(folder: Path, names: Iterable[str]) -> Iterator[Entry]:
    from advisor.report import card, index  # noqa: PLC0415  # as above

    for name in names:
        found = card.found_in(head(folder / name))
        if found is not None:
            yield index.Entry(file=name, card=found)


def _ours(file: Path) -> bool:
    """True where the index may be written: there is no such file, or it is an index of ours."""
    from advisor.report import card  # noqa: PLC0415  # as above

    if not file.exists():
        return True
    return file.is_file() and card.is_index(head(file))
