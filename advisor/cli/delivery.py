"""Where a check's result goes: the screen, files, a runner of GitHub, the history, a stored baseline."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.cli import files, output
from advisor.cli.history import default_file
from advisor.errors import AdvisorError, ReportError
from advisor.report.words import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from advisor.model.check import CheckResult
    from advisor.model.checkplan import CheckPlan

PAGE = "check.html"
COMMAND_VARIABLE, SUMMARY_VARIABLE = "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"


def put_result(result: CheckResult, *, on_github: bool) -> None:
    """Print the result; a name in it must not begin a line that the runner takes for a command."""
    from advisor.report.check import commands, terminal  # noqa: PLC0415  # --help need not wait

    text = terminal.render(result, width=output.columns(), color=output.colored())
    output.put(commands.inert(text, secrets.token_hex(16)) if on_github else text)


def write_report(result: CheckResult, path: Path, render: Callable[[CheckResult], str]) -> None:
    """Write the file that `render` makes of the result, and say so."""
    files.write(path, render(result))
    output.put(f"Written: {printable(str(path))}\n")


def repository() -> str | None:
    """The repository's address where the runner tells it."""
    server, name = (os.environ.get(f"GITHUB_{part}") for part in ("SERVER_URL", "REPOSITORY"))
    return f"{server}/{name}" if server and name else None


def on_github(wanted: bool | None) -> bool:
    """Whether workflow commands are printed: as the user wants it, else where a runner of GitHub reads them."""
    return os.environ.get(COMMAND_VARIABLE) == "true" if wanted is None else wanted


def tell_github(result: CheckResult) -> None:
    """Annotations on standard output, and a summary of the step where the runner gives a file for it."""
    from advisor.report.check import commands, markdown  # noqa: PLC0415  # as above

    output.put(commands.render(result))
    summary = os.environ.get(SUMMARY_VARIABLE)
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(markdown.render(result, most_bytes=markdown.SUMMARY_BYTES))
        except OSError as error:
            raise ReportError("the step's summary was not written", why=f"{summary}: {error.strerror}") from error


def remember(result: CheckResult, wanted: Path | None) -> None:
    """Add the result to the history `wanted`, else to the project's own; that it cannot to the latter fails nothing."""
    from advisor.history.store import History  # noqa: PLC0415  # as above

    if wanted is not None:
        History(wanted).add(result)
        return
    file = default_file(Path.cwd())
    try:
        History(file).add(result)
        files.write(file.parent / ".gitignore", "*\n")  # what is kept here is of this machine
    except AdvisorError as error:
        output.complain(f"the result is not in the history: {error}")


def save(result: CheckResult, file: Path, plan: CheckPlan) -> None:
    """Keep head's runs of every script that has any."""
    from advisor.model.baseline import Baseline, StoredScript  # noqa: PLC0415  # as above
    from advisor.report.check.baseline import render  # noqa: PLC0415  # as above

    planned = {script.name: script for script in plan.scripts}
    stored = tuple(
        StoredScript(
            name=script.name, program=planned[script.name].shown, argv=planned[script.name].argv,
            runs=script.pairs.head or script.alone,
            aa_ratio=script.self_test.ratio if script.self_test is not None else None,
        )
        for script in result.scripts
        if script.pairs.head or script.alone
    )  # fmt: skip
    baseline = Baseline(
        advisor_version=result.advisor_version, created=result.created, commit=result.head.commit,
        fingerprint=result.fingerprint, scripts=stored,
    )  # fmt: skip
    files.write(file, render(baseline))
    output.put(f"Kept: {printable(str(file))}\n")
