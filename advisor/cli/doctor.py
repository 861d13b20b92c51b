"""`advise doctor`: what this machine permits, with a cure beside each thing that is missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tabulate import tabulate

from advisor.cli import access, checks, output
from advisor.cli.run import REPORTS
from advisor.errors import EXIT_ADVICE, EXIT_USAGE, AdvisorError
from advisor.report.words import cut, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


FOUND_WIDTH = 90  # an interpreter that fails may say a great deal


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--python", metavar="PATH",
    help="Interpreter to look at. [default: the active virtual environment's, else that of .venv here, else our own]",
)  # fmt: skip
def doctor(python: str | None) -> int:
    """Check what this machine permits: ptrace, /proc, cores and quota, memory, noise, reports, versions.

    Exits 0 where advice can be given, if with warnings, else 2.
    """
    found = tuple(examine(python))
    output.put(table(found) + "\n")
    return EXIT_USAGE if any(check.status == "missing" for check in found) else EXIT_ADVICE


def examine(python: str | None) -> Iterator[checks.Check]:
    """Every check; the load first, before ours adds to it."""
    from advisor.observe import noise  # noqa: PLC0415  # as below
    from advisor.observe.cgroup import cgroup_limits  # noqa: PLC0415  # as below
    from advisor.observe.interpreter import choose_interpreter  # noqa: PLC0415  # --help need not wait
    from advisor.observe.machine import detect  # noqa: PLC0415  # as above
    from advisor.observe.recorders import find_pyspy  # noqa: PLC0415  # as above

    yield checks.load(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    try:
        chosen = choose_interpreter(python, beside=Path.cwd())
        machine = detect(chosen.executable)
    except AdvisorError as error:
        yield checks.refused(error)
    else:
        yield from checks.interpreter_checks(chosen)
        yield from checks.machine_checks(machine, cgroup_limits())
    yield checks.noise(noise.measure())
    yield access.tracing(find_pyspy())
    yield from access.ptrace_scope()
    yield access.waits()
    yield access.reports(Path(REPORTS))
    yield from checks.versions()


def table(found: Iterable[checks.Check]) -> str:
    """One row a check, and below it the cures that apply."""
    rows = [(check.name, check.status, cut(printable(check.found), FOUND_WIDTH)) for check in found]
    cures = [f"{check.name}: {printable(check.cure)}" for check in found if check.cure]
    shown = tabulate(rows, ("checked", "status", "found"), "simple", disable_numparse=True)
    return shown + ("\n\nTo do:\n" + "\n".join(f"  {cure}" for cure in cures) if cures else "\n\nNothing to do.")
