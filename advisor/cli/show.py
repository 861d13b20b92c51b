"""`advise show`: an advice file once more as the reports it was written with, without measuring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from advisor.cli import files, index
from advisor.cli.delivery import PAGE, on_github, put_result, write_report
from advisor.cli.pages import report_in
from advisor.cli.run import REPORTS, Wanted, deliver, html_of
from advisor.errors import EXIT_ADVICE, ReportError

LARGEST_BYTES = 100_000_000  # advice files of ours are below 1 MB


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--output", "folder", type=click.Path(path_type=Path), default=REPORTS, show_default=True, metavar="DIR",
    help="Folder of the HTML report.",
)  # fmt: skip
@click.option("--no-source", is_flag=True, help="Leave the script's source out of the report.")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
def show(file: Path, folder: Path, no_source: bool) -> int:
    """Show the advice in FILE, which `advise --json FILE` wrote, on the terminal and as an HTML report.

    Nothing is run or measured. The reports are those that were written then, byte for byte, if by the same version.
    FILE may also be what `advise check --json FILE` wrote. Exits 0 where it can be shown, whatever it says, else 2.
    """
    from advisor.model.check import CHECK_SCHEMA  # noqa: PLC0415  # --help need not wait
    from advisor.report import json  # noqa: PLC0415  # as above

    text = _text(file)
    if json.schema_of(text) == CHECK_SCHEMA:
        _show_check(text, folder / PAGE, file)
    else:
        _show_advice(text, folder, file, no_source=no_source)
    index.rebuild(folder)
    return EXIT_ADVICE


def _show_advice(text: str, folder: Path, file: Path, *, no_source: bool) -> None:
    from advisor.report import reading  # noqa: PLC0415  # as above
    from advisor.report.sourceless import without_source  # noqa: PLC0415  # as above

    advice = reading.read(text)
    target = report_in(folder, advice.target)
    files.check_writable(target)
    with _figures_of(file):
        deliver(without_source(advice) if no_source else advice, [Wanted("Report", target, html_of)])


def _show_check(text: str, target: Path, file: Path) -> None:
    """The same for a check, in whose file there is no source."""
    from advisor.report.check import html, reading  # noqa: PLC0415  # as above

    result = reading.read(text)
    files.check_writable(target)
    with _figures_of(file):
        put_result(result, on_github=on_github(None))
        write_report(result, target, html.render)


def _text(file: Path) -> str:
    """The file's text; raises ReportError where it cannot be read, is no text, or is larger than any advice."""
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ReportError(f"{file} cannot be read", why=why, cure="check the path") from error
    if len(data) > LARGEST_BYTES:
        raise ReportError(f"{file} is no advice file", why=f"it has more than {LARGEST_BYTES:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReportError(f"{file} is no advice file", why=f"not UTF-8: {error.reason}") from error


@contextmanager
def _figures_of(file: Path) -> Iterator[None]:
    """Figures that `advise` would not have written (no tasks, lists without a bottom) are the file's fault."""
    try:
        yield
    except (ArithmeticError, LookupError, RecursionError, ValueError) as error:
        raise ReportError(f"{file} cannot be shown", why=f"its figures make no sense: {error}") from error
