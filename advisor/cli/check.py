"""`advise check`: the pre-merge check, from the configuration to the files that reviewers and CI read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from advisor.cli import files, index, output
from advisor.cli.delivery import (
    COMMAND_VARIABLE,
    PAGE,
    SUMMARY_VARIABLE,
    on_github,
    put_result,
    remember,
    repository,
    save,
    tell_github,
    write_report,
)
from advisor.cli.run import REPORTS
from advisor.errors import (
    EXIT_ADVICE,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_REGRESSION,
    AdvisorError,
    ConfigError,
)
from advisor.report.words import printable

if TYPE_CHECKING:
    from advisor.model.check import CheckResult, Outcome
    from advisor.model.checkplan import CheckPlan, Overrides

PROJECT = "pyproject.toml"
SECTION = "[tool.advise"

Writer = tuple[Path, "Callable[[CheckResult], str]"]


class Given(TypedDict):
    """The command line, parsed."""

    scripts: tuple[str, ...]
    module: tuple[str, ...]
    against: str | None
    config: Path | None
    init: bool
    budget: float | None
    threshold: float | None
    warn_only: bool | None
    quick: bool
    python: str | None
    output: Path
    json: Path | None
    markdown: Path | None
    junit: Path | None
    sarif: Path | None
    github: bool | None
    save: Path | None
    baseline: Path | None
    history: Path | None
    no_history: bool
    quiet: bool


def _file(name: str, what: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    return click.option(name, type=click.Path(path_type=Path), metavar="FILE", help=what)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-m", "module", multiple=True, metavar="MODULE", help="Check a module as well, as `python -m` runs it.")
@click.option("--against", metavar="REF", help="Revision to compare with. [default: where the default branch was left]")
@_file("--config", f"Configuration to use. [default: the nearest {PROJECT} with a section [tool.advise.check]]")
@click.option(
    "--init", is_flag=True, help=f"Write a section [tool.advise.check] for the SCRIPTs into {PROJECT} and end."
)
@click.option(
    "--budget", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
    help="Time for the pairs of each script. [default: 60]",
)  # fmt: skip
@click.option(
    "--threshold", type=click.FloatRange(min=0, min_open=True), metavar="PERCENT",
    help="Smallest change of seconds that counts. [default: 3]",
)  # fmt: skip
@click.option("--warn-only/--fail", default=None, help="Whether to exit 0 whatever is found. [default: --fail]")
@click.option("--quick", is_flag=True, help="Compare seconds, memory and switches only; observe nothing.")
@click.option("--python", metavar="PATH",
    help="Interpreter that runs both revisions. [default: the active virtual environment's, else that of .venv beside "
    "the configuration (in the working folder without one), else advise's own]",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(path_type=Path), default=REPORTS, show_default=True, metavar="DIR",
    help=f"Folder of the HTML report, {PAGE}.",
)  # fmt: skip
@_file("--json", "Write the result for machines as well, schema advice-check/1.")
@_file("--markdown", "Write it as Markdown, to be a comment on a pull request.")
@_file("--junit", "Write it as JUnit XML.")
@_file("--sarif", "Write what is wrong as SARIF 2.1.0, on the line it comes from.")
@click.option(
    "--github/--no-github", default=None,
    help=f"Print workflow commands and add to ${SUMMARY_VARIABLE}. [default: where ${COMMAND_VARIABLE} is true]",
)  # fmt: skip
@_file("--save", "Keep head's runs for --baseline, later on this machine; without --against, compare nothing now.")
@_file("--baseline", "Compare with runs that --save kept, instead of with a revision.")
@_file("--history", "Add the result to this file. [default: the one that `advise history` shows]")
@click.option("--no-history", is_flag=True, help="Do not add the result to a history.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.argument("scripts", metavar="[SCRIPT]...", nargs=-1)
def check(**given: Unpack[Given]) -> int:
    """Check whether a change made scripts slower, side by side with the revision it is based on.

    The base is laid out in a git worktree and both revisions run in turn, dozens of times, until the difference is
    known well enough or the budget is over. SCRIPT is a path or a name from the configuration; all configured ones
    without any.

    \b
    Exit codes: 0 no regression, 2 usage, 3 regression, 5 inconclusive, not
    comparable or not measured, 130 interrupted. With --warn-only 0 for 3 and 5.
    """  # noqa: D301  # click takes the character, not its name, for "leave these lines as they are"
    given["scripts"] = (*given["scripts"], *(f"-m {module.strip()}" for module in given["module"]))
    if given["init"]:
        return _init(given)
    writers = tuple(_writers(given))
    history = None if given["no_history"] else given["history"]
    for path in (*(path for path, _ in writers), given["save"], history):
        if path is not None:
            files.check_writable(path)
    plan, folder = _plan(given)
    result = _checked(given, plan, folder)
    _deliver(result, given, plan, writers)
    index.rebuild(given["output"])
    return exit_code(result)


def exit_code(result: CheckResult) -> int:
    """The exit code that `--help` tells: a regression counts before what could not be told; warnings never do."""
    if result.interrupted:
        return EXIT_INTERRUPTED
    counted: set[Outcome] = {script.outcome for script in result.scripts if not (script.new or script.warn_only)}
    if result.warn_only or counted <= {"pass", "improvement"}:
        return EXIT_ADVICE
    return EXIT_REGRESSION if "regression" in counted else EXIT_INCONCLUSIVE


def _init(given: Given) -> int:
    from advisor.gate.starter import init  # noqa: PLC0415  # --help need not wait

    file = given["config"] or Path(PROJECT)
    text = _text(file, newline="") if file.exists() else None  # line ends stay as they are
    scripts = [_from_folder(script, file.resolve().parent) for script in given["scripts"]]
    files.write(file, init(text, scripts, str(file)))
    output.put(f"Wrote [tool.advise.check] to {printable(str(file))}; `advise check` reads it.\n")
    return EXIT_ADVICE


def _plan(given: Given) -> tuple[CheckPlan, Path]:
    """What is to be checked, and the folder its paths start from. Raises ConfigError, also where that is nothing."""
    from advisor.gate.config import parse, with_scripts  # noqa: PLC0415  # as above
    from advisor.model.checkplan import CheckPlan, Overrides  # noqa: PLC0415  # as above

    file = given["config"] or _nearest_config(Path.cwd())
    folder = file.resolve().parent if file is not None else Path.cwd()
    plan = parse(_text(file), str(file)) if file is not None else CheckPlan()
    threshold = given["threshold"]
    overrides: Overrides = Overrides(
        against=given["against"], budget_s=given["budget"], threshold=threshold / 100 if threshold else None,
        warn_only=given["warn_only"], shape=False if given["quick"] else None,
    )  # fmt: skip
    known = {name for script in plan.scripts for name in (script.name, script.path, script.module)}
    scripts = [script if script in known else _from_folder(script, folder) for script in given["scripts"]]
    plan = with_scripts(plan, scripts, overrides)
    if not plan.scripts:
        cure = "name a SCRIPT, or write them down with `advise check --init SCRIPT...`"
        raise ConfigError("there is no script to check", source=str(file or "advise check"), cure=cure)
    return plan, folder


def _text(file: Path, newline: str | None = None) -> str:
    """The text of a file that the user gave. Raises ConfigError."""
    try:
        with file.open(encoding="utf-8", newline=newline) as opened:
            return opened.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("it cannot be read", source=str(file), why=str(error), cure="name another") from error


def _nearest_config(start: Path) -> Path | None:
    """The first pyproject.toml upwards that has a section of ours."""
    for folder in (start, *start.parents):
        file = folder / PROJECT
        if file.is_file() and SECTION in file.read_text(encoding="utf-8", errors="replace"):
            return file
    return None


def _from_folder(script: str, folder: Path) -> str:
    """A script as named here, seen from `folder`; a module as it is.

    One that is named through a link into `folder` is below it in truth, and the base has it there.
    """
    if script.startswith("-m "):
        return script
    path = Path(os.path.relpath(script, folder))
    if path.parts[:1] == ("..",):
        path = Path(os.path.relpath(os.path.realpath(Path(script).parent), folder)) / path.name
    return path.as_posix()


def _checked(given: Given, plan: CheckPlan, folder: Path) -> CheckResult:
    from advisor.pipeline.check import CheckOptions, check  # noqa: PLC0415  # as above
    from advisor.pipeline.stored import check_stored  # noqa: PLC0415  # as above
    from advisor.report.check.baseline import parse  # noqa: PLC0415  # as above

    if given["baseline"] is not None and given["against"] is not None:
        raise click.UsageError("--baseline and --against name two bases", click.get_current_context(silent=True))
    options = CheckOptions(plan=plan, folder=folder, python=given["python"], written=tuple(_written(given)))
    say = _silent if given["quiet"] else _say
    file = given["baseline"]
    if file is not None:
        return check_stored(options, parse(_text(file), str(file)), say)
    if given["save"] is not None and given["against"] is None:
        return check_stored(options, None, say)
    return check(options, say)


def _written(given: Given) -> Iterator[Path]:
    """All that this check writes, but for the folder of its history, which git does not see."""
    yield from given["output"].glob("*.html")  # of this check and of those before
    yield from (path for path, _ in _writers(given))
    yield from (path for path in (given["save"], given["history"]) if path is not None)


def _silent(_text: str) -> None:
    """Show nothing."""


def _say(text: str) -> None:
    click.echo(f"advise check: {printable(text)}", err=True)


def _deliver(result: CheckResult, given: Given, plan: CheckPlan, writers: Sequence[Writer]) -> None:
    """Show and write everything; the first failure is raised when all has been tried."""
    deeds = [
        partial(put_result, result, on_github=on_github(given["github"])),
        *(partial(write_report, result, path, render) for path, render in writers),
        *([partial(tell_github, result)] if on_github(given["github"]) else []),
        *([partial(save, result, given["save"], plan)] if given["save"] is not None else []),
        *([] if given["no_history"] else [partial(remember, result, given["history"])]),
    ]
    failures = []
    for deed in deeds:
        try:
            deed()
        except AdvisorError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _writers(given: Given) -> Iterator[Writer]:
    from advisor.report.check import html, json, junit, markdown, sarif  # noqa: PLC0415  # as above

    yield given["output"] / PAGE, html.render
    wanted = (
        (given["json"], json.render), (given["markdown"], markdown.render), (given["junit"], junit.render),
        (given["sarif"], partial(sarif.render, repository=repository())),
    )  # fmt: skip
    for path, render in wanted:
        if path is not None:
            yield path, render
