"""The command line: one file a verb, one place where errors are printed and exit codes chosen."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

import click

from advisor.cli import check, doctor, explain, history, output, run, show
from advisor.errors import EXIT_INTERRUPTED, EXIT_USAGE, AdvisorError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_BUG = 1  # as Python itself exits on a crash; no answer of ours uses it
DEBUG_VARIABLE = "ADVISE_DEBUG"
VERBS: dict[str, click.Command] = {
    "check": check.check, "doctor": doctor.doctor, "explain": explain.explain, "history": history.history,
    "show": show.show,
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run `advise` with `argv` (default: the command line's) and return its exit code; never raises, never exits."""
    output.occupy_standard_streams()
    output.make_robust()
    try:
        return _dispatch(list(sys.argv[1:] if argv is None else argv))
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except AdvisorError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED)
    except SystemExit as ended:  # by SIGTERM or SIGHUP, all cleaned up
        return _fail("ended by a signal before there was advice", int(ended.code or 0))
    except Exception as error:  # noqa: BLE001  # the last line of defence: a user never sees a traceback of ours
        return _fail(_bug(error), EXIT_BUG)


def _dispatch(args: list[str]) -> int:
    """Give the arguments to the verb they begin with, else to `run`; a script named as a verb is `./doctor`.

    Goes round click's own `main`, which exits the process on a broken pipe, wherever the pipe.
    """
    verb = VERBS.get(args[0]) if args else None
    command, name, rest = (verb, f"advise {args[0]}", args[1:]) if verb is not None else (run.run, "advise", args)
    try:
        with command.make_context(name, rest) as context:
            return int(command.invoke(context) or 0)
    except click.exceptions.Exit as done:  # --help and --version
        return done.exit_code


def _bug(error: Exception) -> str:
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    name = type(error).__name__
    return (
        f"a fault in advise itself, not in your script: {name}: {error}\n"
        f"  do: report it with the output of the same command under {DEBUG_VARIABLE}=1"
    )


def _fail(message: str, code: int) -> int:
    output.complain(message)
    return code
