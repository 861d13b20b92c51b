"""Printing that survives what is at the other end: a closed pipe, a full disk, an encoding without the character."""

from __future__ import annotations

import io
import os
import shutil
import sys

from advisor.errors import ReportError
from advisor.report.words import cut, printable

MOST_COLUMNS = 120  # wider, a sentence is hard to read
TITLE = "advise"
STANDARD_STREAMS = 3
LONGEST_LINE = 400  # of a message: what a foreign program says may be as long as it likes


def occupy_standard_streams() -> None:
    """Open nothing under the numbers of standard streams that are closed.

    Else a file or pipe of ours takes the number, and the script's output goes there. Closed on exec: to the script the
    stream is as closed as it was to us.
    """
    for number in range(STANDARD_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one


def make_robust() -> None:
    """Let standard output replace characters its encoding lacks, instead of failing on them."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def put(text: str) -> None:
    """Write `text` to standard output, now.

    A reader that went away is no failure of ours and is passed over, as is a standard output that was closed from the
    start; raises ReportError on any other failure.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
    except OSError as error:
        _discard_stdout()
        raise ReportError("the advice could not be printed", why=f"standard output: {error.strerror}") from error


def complain(message: str) -> None:
    """One message on standard error, each line of it safe to print."""
    if sys.stderr is None:
        return
    lines = "\n".join(cut(printable(line), LONGEST_LINE) for line in message.splitlines())
    try:
        sys.stderr.write(f"advise: {lines}\n")
    except OSError:
        return  # nobody reads standard error; the exit code still tells


def columns() -> int:
    """Width of the terminal, 80 where there is none."""
    return min(shutil.get_terminal_size().columns, MOST_COLUMNS)


def colored() -> bool:
    """True where standard output is a terminal that shows colours and nobody asked for none (no-color.org)."""
    return (
        sys.stdout is not None
        and sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )


def rule(width: int) -> str:
    """The line between the script's own output and ours."""
    return f"{'-' * 4} {TITLE} {'-' * (width - len(TITLE) - 6)}\n"


def _discard_stdout() -> None:
    """Point standard output at nothing, so that what is still buffered cannot fail when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
