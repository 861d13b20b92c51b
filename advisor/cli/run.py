"""`advise SCRIPT`: the main job, from a script to a measured worker balance."""

from __future__ import annotations

from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

import click

from advisor.cli import files, index, output, progress
from advisor.cli.pages import name_of, report_in
from advisor.errors import EXIT_ADVICE, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_SCRIPT_FAILED, ReportError
from advisor.report.words import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from advisor.model.advice import Advice
    from advisor.model.target import Replay
    from advisor.pipeline import AdviseOptions

REPORTS = "reports"
BARE_CHOICES = ("none", "safe", "all")
BARE_OPTION, BARE_VALUE = "--replay-effects", "all"  # an option that may stand without its value, which is then this
VERBS_HELP = """\b
Other verbs:
  advise check [SCRIPT]  is a change slower than what it is based on?
  advise show FILE       the report of an advice file again, without measuring
  advise history         how past checks of each script went
  advise doctor          what this machine permits, with a cure for what is missing
  advise explain [CODE]  what a finding such as ADV201 means and what to do
A script that is named as a verb is reached as ./doctor.

\b
Exit codes: 0 advice given, 2 usage, 3 regression (check), 4 the script failed, 5 inconclusive, 130 interrupted.
"""


class Given(TypedDict):
    """The command line, parsed."""

    target: tuple[str, ...]
    module: str | None
    python: str | None
    budget: float | None
    max_threads: int | None
    max_processes: int | None
    only: str | None
    output: Path
    json: Path | None
    no_source: bool
    quiet: bool
    strict: bool
    replay_effects: Replay


class Wanted(NamedTuple):
    """A file to write: what it is called on the screen, where it goes, and what makes its text."""

    label: str
    path: Path
    render: Callable[[Advice], str]


class TargetCommand(click.Command):
    """A command whose options end at SCRIPT or after `-m MODULE`, as Python's own do: the rest is the script's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `--` after `-m MODULE`, so that what follows is never taken for an option of ours."""
        valued = self._options_with_value()
        return super().parse_args(ctx, _ended_after_module(_with_value(args, BARE_OPTION, BARE_VALUE, valued), valued))

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """The two ways to name a target, instead of click's one."""
        return ["[OPTIONS]", "(SCRIPT | -m MODULE)", "[ARGS]..."]

    def _options_with_value(self) -> frozenset[str]:
        valued = [each for each in self.params if isinstance(each, click.Option) and not each.is_flag]
        return frozenset(name for option in valued for name in option.opts)


def _version() -> str:
    try:
        return metadata.version("advisor")
    except metadata.PackageNotFoundError:
        return "from a source tree"


@click.command(
    cls=TargetCommand,
    context_settings={"help_option_names": ["-h", "--help"], "allow_interspersed_args": False},
    epilog=VERBS_HELP,
)
@click.option("-m", "module", metavar="MODULE", help="Advise on a module, as `python -m MODULE` runs it.")
@click.option(
    "--python", metavar="PATH",
    help="Interpreter that runs the script. [default: the active virtual environment's, else that of .venv beside the "
    "script (in the working folder for -m), else advise's own]",
)  # fmt: skip
@click.option(
    "--budget", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
    help="Time for the trials. [default: the script's own time, at least 10, at most 60]",
)  # fmt: skip
@click.option("--max-threads", type=click.IntRange(min=1), metavar="N", help="Never try more threads a process.")
@click.option("--max-processes", type=click.IntRange(min=1), metavar="N", help="Never try more processes.")
@click.option("--only", metavar="FUNCTION", help="Advise on calls of, or in, this function only.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=REPORTS, show_default=True, metavar="DIR",
    help="Folder of the HTML report.",
)  # fmt: skip
@click.option("--json", type=click.Path(path_type=Path), metavar="FILE", help="Write the advice for machines as well.")
@click.option("--no-source", is_flag=True, help="Leave the script's source out of report and advice file.")
@click.option(
    "--strict", is_flag=True,
    help="Exit 5 also where the advice is predicted, not measured, or any hot call is left undecided.",
)  # fmt: skip
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option(
    "--replay-effects", type=click.Choice(BARE_CHOICES), default="safe", show_default=True,
    metavar="[=none|safe|all]",
    help="Calls that may be replayed: without any request, with requests that only read, or also those that write, "
    "send or delete, which each trial then repeats. Without a value: all.",
)  # fmt: skip
@click.version_option(_version(), prog_name="advise", message="%(prog)s %(version)s")
@click.argument("target", nargs=-1, type=click.UNPROCESSED)
def run(**given: Unpack[Given]) -> int:
    """Measure whether a script should run on more threads, more processes, both or neither, and how many.

    Runs SCRIPT (or MODULE) twice, unchanged, with ARGS; then replays its hot calls on forked copies of the finished
    script under different numbers of workers. What the script does outside itself, it does twice.
    """
    options = options_of(given)
    wanted = [Wanted("Advice file", given["json"], _json)] if given["json"] is not None else []
    for path in (given["output"] / f"{name_of(options.script, options.module)}.html", *(each.path for each in wanted)):
        files.check_writable(path)
    advice = _advise(options, quiet=given["quiet"])
    page = report_in(given["output"], advice.target)  # told as late as can be: another run may end meanwhile
    shown = _without_source(advice) if given["no_source"] else advice
    deliver(shown, [Wanted("Report", page, html_of), *wanted])
    index.rebuild(given["output"])
    if advice.interrupted:
        output.complain("interrupted: the advice above is on what was known by then")
    return exit_code(advice, strict=given["strict"])


def options_of(given: Given) -> AdviseOptions:
    """The pipeline's options; raises click.UsageError where no target is named."""
    from advisor.pipeline import AdviseOptions  # noqa: PLC0415  # pandas and SciPy behind it: --help need not wait

    module, rest = given["module"], given["target"]
    if module is None and not rest:
        raise click.UsageError("name a SCRIPT or -m MODULE", click.get_current_context(silent=True))
    return AdviseOptions(
        script=rest[0] if module is None else None,
        module=module,
        argv=rest[1:] if module is None else rest,
        python=given["python"],
        budget_s=given["budget"],
        max_threads=given["max_threads"],
        max_processes=given["max_processes"],
        only=given["only"],
        replay_effects=given["replay_effects"],
    )


def deliver(advice: Advice, wanted: list[Wanted]) -> None:
    """Print the advice, then write each wanted file; the first failure is raised when all has been tried."""
    deeds = [partial(_show, advice), *(partial(_write, advice, each) for each in wanted)]
    failures = []
    for deed in deeds:
        try:
            deed()
        except ReportError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def exit_code(advice: Advice, *, strict: bool = False) -> int:
    """The exit code that `--help` tells, or a shell's 130 after Ctrl-C. `strict` takes no prediction for an answer."""
    if advice.interrupted or advice.exit.interrupted:
        return EXIT_INTERRUPTED
    if advice.exit.failed:
        return EXIT_SCRIPT_FAILED
    sure = advice.certain if strict else advice.conclusive
    return EXIT_ADVICE if sure else EXIT_INCONCLUSIVE


def _advise(options: AdviseOptions, *, quiet: bool) -> Advice:
    from advisor import pipeline  # noqa: PLC0415  # as above

    display = progress.make(quiet=quiet)
    try:
        return pipeline.advise(options, display)
    finally:
        display.close()


def _show(advice: Advice) -> None:
    from advisor.report import terminal  # noqa: PLC0415  # as above

    width = output.columns()
    output.put(output.rule(width) + terminal.render(advice, width=width, color=output.colored()) + "\n")


def _write(advice: Advice, wanted: Wanted) -> None:
    files.write(wanted.path, wanted.render(advice))
    output.put(f"{wanted.label}: {printable(str(wanted.path))}\n")


def _without_source(advice: Advice) -> Advice:
    from advisor.report.sourceless import without_source  # noqa: PLC0415  # as above

    return without_source(advice)


def html_of(advice: Advice) -> str:
    """The HTML report of an advice."""
    from advisor.report import html  # noqa: PLC0415  # as above

    return html.render(advice)


def _json(advice: Advice) -> str:
    from advisor.report import json  # noqa: PLC0415  # as above

    return json.render(advice)


def _with_value(args: list[str], option: str, value: str, valued: frozenset[str]) -> list[str]:
    """`args` with `option` as `option=value` where it stands without one, before the target."""
    index = 0
    while index < len(args) and args[index].startswith("-") and args[index] != "--":
        if args[index].startswith("-m"):
            return args
        if args[index] == option:
            if args[index + 1 : index + 2] and args[index + 1] in BARE_CHOICES:
                return args
            return [*args[:index], f"{option}={value}", *args[index + 1 :]]
        index += 2 if args[index] in valued else 1
    return args


def _ended_after_module(args: list[str], valued: frozenset[str]) -> list[str]:
    """`args` with `--` after the first `-m MODULE` (or `-mMODULE`) that stands before any script."""
    index = 0
    while index < len(args) and args[index].startswith("-") and args[index] != "--":
        if args[index].startswith("-m"):
            end = index + (2 if args[index] == "-m" else 1)
            return [*args[:end], "--", *args[end:]] if end <= len(args) else args
        index += 2 if args[index] in valued else 1
    return args
