"""`advise history`: how a script's seconds moved from check to check, as a table and as a page of drawings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from tabulate import tabulate

from advisor.cli import files, index, output
from advisor.cli.run import REPORTS
from advisor.errors import EXIT_ADVICE, HistoryError
from advisor.report import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.history.store import History
    from advisor.model.history import Figures, Point
    from advisor.report.history import Panel

PROJECT = "pyproject.toml"
DEFAULT_FILE = Path(".advise", "history.sqlite3")  # beside the project's pyproject.toml
DEFAULT_LIMIT = 100
PAGE = "history.html"
SHOWN_ROWS = 20  # a panel on the screen; all of them stand in the page
NAME_WIDTH = 26
HEADERS = ("checked (UTC)", "head", "outcome", "ratio", "head median", "peak")
ALIGNED = ("left", "left", "left", "right", "right", "right")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--file", type=click.Path(path_type=Path), metavar="FILE",
    help=f"History to show. [default: {DEFAULT_FILE} beside the nearest {PROJECT}, else here]",
)  # fmt: skip
@click.option(
    "--output", "folder", type=click.Path(path_type=Path), default=REPORTS, show_default=True, metavar="DIR",
    help=f"Folder of the page, {PAGE}.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(min=1), default=DEFAULT_LIMIT, show_default=True, metavar="N",
    help="Newest checks of each script on each machine.",
)  # fmt: skip
@click.argument("scripts", metavar="[SCRIPT]...", nargs=-1)
def history(file: Path | None, folder: Path, limit: int, scripts: tuple[str, ...]) -> int:
    """Show how the seconds and verdicts of past checks moved, script by script.

    SCRIPT is a name or a file as `advise check` knows it; all without one. Checks on different machines, Pythons or
    packages cannot be compared and are shown apart.
    """
    from advisor.history.store import History  # noqa: PLC0415  # --help need not wait
    from advisor.report import history as report  # noqa: PLC0415  # as above

    kept = History(file if file is not None else default_file(Path.cwd()))
    target = folder / PAGE
    files.check_writable(target)
    points = chosen(kept, scripts, limit)
    output.put("\n\n".join(map(table, report.all_panels(points))) + "\n" if points else "No checks are kept yet.\n")
    files.write(target, report.render(points, source=kept.path.name))
    index.rebuild(folder)
    output.put(f"\nTrend: {words.printable(str(target))}\n")
    return EXIT_ADVICE


def default_file(start: Path) -> Path:
    """The history of the project that `start` lies in: beside the nearest pyproject.toml upwards, else in `start`."""
    project = next((each for each in (start, *start.parents) if (each / PROJECT).is_file()), start)
    return project / DEFAULT_FILE


def chosen(kept: History, scripts: Sequence[str], limit: int) -> tuple[Point, ...]:
    """The points of these scripts, of all where there are none.

    Raises HistoryError for a script that was never checked, and what `History.trend` raises.
    """
    if not scripts:
        return kept.trend(limit=limit)
    found = {script: kept.trend(script, limit) for script in scripts}
    for script, points in found.items():
        if not points:
            known = ", ".join(sorted({point.script for point in kept.trend(limit=1)})) or "none yet"
            what, why = f"no check of {script} is kept in {kept.path}", f"the scripts there are: {known}"
            raise HistoryError(what, path=str(kept.path), why=why, cure="name one of them")
    return tuple(dict.fromkeys(point for points in found.values() for point in points))


def table(panel: Panel) -> str:
    """One script on one machine: newest check first."""
    name = words.cut(words.printable(panel.latest.script), output.columns())
    rows = [_row(point) for point in reversed(panel.points[-SHOWN_ROWS:])]
    left = len(panel.points) - len(rows)
    notes = [f"on {panel.machine}", *panel.differs, *([f"{left} earlier in the page"] if left else [])]
    title = "\n".join((name, *(f"  {words.printable(note)}" for note in notes)))
    shown = tabulate(rows, HEADERS, "simple", disable_numparse=True, colalign=ALIGNED)
    return f"{title}\n\n" + "\n".join(line.rstrip() for line in shown.splitlines())


def _row(point: Point) -> tuple[str, ...]:
    head = point.head_figures
    ratio = point.ratio
    return (
        point.created[:16].replace("T", " "), words.cut(words.printable(point.head.shown), NAME_WIDTH), point.outcome,
        words.gain(ratio) if ratio is not None else words.UNKNOWN, _median(head),
        words.size(head.peak_rss_bytes if head is not None else None),
    )  # fmt: skip


def _median(found: Figures | None) -> str:
    if found is None:
        return words.UNKNOWN
    return f"{words.seconds(found.median_s)} ± {words.seconds(found.mad_s, digits=2)}"
