"""Every way `advise` can fail, each with the exit code of the contract and its data as attributes."""

from __future__ import annotations

EXIT_ADVICE = 0
EXIT_USAGE = 2
EXIT_REGRESSION = 3
EXIT_SCRIPT_FAILED = 4
EXIT_INCONCLUSIVE = 5
EXIT_INTERRUPTED = 130
"""As a shell shows a program ended by Ctrl-C."""


class AdvisorError(Exception):
    """What happened, why, and what to do about it, as one printable line each.

    `what` names the event, `why` the cause, `cure` what the user can do. `exit_code` is that of the
    contract (README.md, "Exit codes"); a subclass sets it.
    """

    exit_code = EXIT_USAGE

    def __init__(self, what: str, *, why: str = "", cure: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.cure = cure

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts.append(f"why: {self.why}")
        if self.cure:
            parts.append(f"do: {self.cure}")
        return "\n  ".join(parts)


class TargetError(AdvisorError):
    """The script cannot be run at all: no such file, not Python, a syntax error."""


class InterpreterError(AdvisorError):
    """The chosen interpreter cannot host a run: missing, too old, or not CPython."""


class ConfigError(AdvisorError):
    """A configuration, or another file the user gave, says something that cannot be followed.

    `source` is the file, `key` the key at fault with its tables ("tool.advise.check.treshold"), "" where there is none.
    """

    def __init__(self, what: str, *, source: str, key: str = "", why: str = "", cure: str = "") -> None:
        super().__init__(f"{source}: {what}", why=why, cure=cure)
        self.source = source
        self.key = key


class HistoryError(AdvisorError):
    """The history file cannot be read or written: not a history, of a newer release, no permission. `path` names it."""

    def __init__(self, what: str, *, path: str, why: str = "", cure: str = "") -> None:
        super().__init__(what, why=why, cure=cure)
        self.path = path


class ReportError(AdvisorError):
    """A report could not be written: folder not writable, disk full."""


class StageError(AdvisorError):
    """The recorded interpreter went away or broke the protocol; replay is impossible, advice is not."""

    exit_code = EXIT_INCONCLUSIVE


class ObserveError(AdvisorError):
    """Run 1 could not be watched."""

    exit_code = EXIT_INCONCLUSIVE


class RevisionError(AdvisorError):
    """The revision to compare with could not be found or laid out: nothing was measured."""

    exit_code = EXIT_INCONCLUSIVE
