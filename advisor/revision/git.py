"""Run git, so that it touches nothing of the user's: no hooks, no housekeeping, no index refreshed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from advisor.errors import RevisionError
from advisor.observe.signals import held_back

# What `git rev-parse --local-env-vars` names, but for configuration: a hook has these set to its own repository and
# to an index of the commit under way, and they would win over the folder asked about.
LOCATION_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_GRAFT_FILE", "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
)  # fmt: skip

# English words to tell refusals apart; no index written by a mere question; no password asked for.
_VARIABLES = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}

_SETTINGS = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false",
    "submodule.recurse=false", "advice.detachedHead=false",
)  # fmt: skip

# Told to end, git takes back what it had begun (its lock files, a half-made worktree); that takes milliseconds.
_GRACE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What git said: exit code, output, and its complaint in its own words. Undecodable bytes are lone surrogates."""

    code: int
    out: str
    complaint: str

    @property
    def line(self) -> str:
        """The output without the line end that git adds: a path may end with one of its own."""
        return self.out.removesuffix("\n")

    @property
    def items(self) -> tuple[str, ...]:
        """The output of a command with `-z`."""
        return tuple(self.out.split("\0")[:-1])


def without_location(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without the variables by which a git hook tells git where its repository and index are."""
    return {name: value for name, value in environ.items() if name not in LOCATION_VARIABLES}


def git(
    folder: Path, *arguments: str, settings: Sequence[str] = (), variables: Mapping[str, str] | None = None
) -> Answer:
    """Run git in `folder` to its end, whatever its exit code; `settings` are `-c name=value`.

    It runs in a process group of its own: a Ctrl-C of the terminal reaches us alone, and we end it in order.
    Raises RevisionError where there is no git.
    """
    options = [part for setting in (*_SETTINGS, *settings) for part in ("-c", setting)]
    environment = {**without_location(os.environ), **_VARIABLES, **(variables or {})}
    with _running(["git", "-C", str(folder), *options, *arguments], environment) as process:
        out, complaint = process.communicate()
    return Answer(code=process.returncode, out=os.fsdecode(out), complaint=_words(os.fsdecode(complaint)))


def ask(
    folder: Path,
    *arguments: str,
    settings: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    cure: str = "",
) -> Answer:
    """As `git`; raises RevisionError with git's own words where it fails."""
    answer = git(folder, *arguments, settings=settings, variables=variables)
    if answer.code != 0:
        raise RevisionError(f"git {arguments[0]} failed", why=answer.complaint, cure=cure)
    return answer


@contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The process of `command`. Where we are interrupted, from its very start on, it is ended in order first."""
    with ExitStack() as ends:
        with held_back():
            try:
                process = ends.enter_context(
                    subprocess.Popen(
                        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE, process_group=0,
                    )
                )  # fmt: skip
            except OSError as error:
                cure = "install git, and see that it is on PATH"
                raise RevisionError("git cannot be run", why=str(error), cure=cure) from error
            ends.push(lambda kind, _error, _trace: _ended_in_order(process) if kind is not None else None)
        yield process


def _ended_in_order(process: subprocess.Popen[bytes]) -> None:
    _end(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)
    _end(process, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to git and to the filters it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _words(complaint: str) -> str:
    """Its complaint on one line, without the tags git sets before each."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return "; ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in lines)
