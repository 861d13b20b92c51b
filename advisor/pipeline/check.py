"""The pre-merge check: base and head laid out, run in turn, judged; nothing is left of it but the result."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.errors import ConfigError
from advisor.gate.requirements import unmet
from advisor.model.check import Arm, CheckResult
from advisor.observe.interpreter import choose_interpreter, probe
from advisor.observe.leftovers import marked
from advisor.observe.plain import Timer
from advisor.observe.signals import orderly_end
from advisor.pipeline.arms import BYTECODE_VARIABLES, ArmTree, environment
from advisor.pipeline.flow import temporary_folder
from advisor.pipeline.pairing import Say
from advisor.pipeline.session import Session
from advisor.revision.base import choose_base
from advisor.revision.dependencies import dependency_files_changed
from advisor.revision.environment import base_path_entries, fingerprint, installed_copies, translated
from advisor.revision.layout import LaidOut, laid_out
from advisor.revision.repository import changed_files, find_repository, head_revision

if TYPE_CHECKING:
    from advisor.model.checkplan import CheckPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What is to be checked: the plan, the folder that its paths start from, and the interpreter (None: chosen).

    `written` are the files and folders that the caller will write.
    """

    plan: CheckPlan
    folder: Path
    python: str | None = None
    written: tuple[Path, ...] = ()

    @property
    def interpreter(self) -> str:
        """The interpreter that runs the scripts, from the root: each arm has a folder of its own.

        Links stay, for a virtual environment is known by them. Raises InterpreterError.
        """
        return str(Path(choose_interpreter(self.python, beside=self.folder).executable).absolute())

    @property
    def search_path(self) -> str | None:
        """PYTHONPATH as it is meant here, for scripts that run in `folder`."""
        given, here = os.environ.get("PYTHONPATH"), Path.cwd()
        if not given or here == self.folder.resolve():
            return given
        return os.pathsep.join(str(here / entry) for entry in given.split(os.pathsep))


def check(options: CheckOptions, say: Say = lambda _text: None) -> CheckResult:
    """Compare the working tree with its base, script by script.

    The result is kept whole: what cannot be measured is an outcome, no error. Raises RevisionError where there is no
    base at all, ConfigError where a script is not there, and AdvisorError for an interpreter that cannot be used.
    Ctrl-C ends it with the scripts that were checked by then, by KeyboardInterrupt where there are none; SIGTERM and
    SIGHUP leave by SystemExit. No process, worktree or file stays.
    """
    begin_s = time.monotonic()
    repo = find_repository(options.folder)
    find_scripts(options, repo)
    head, base = head_revision(repo, options.written), choose_base(repo, options.plan.against, os.environ)
    python = options.interpreter
    with orderly_end(), temporary_folder(on_one_disk(repo)) as folder, Timer() as timer:
        say(f"base: {base.shown}, {base.why}")
        with laid_out(repo, base, folder, share=_shared(options, repo)) as tree:
            here = fingerprint(python, repo)
            declared = dependency_files_changed(changed_files(repo, base), head=repo, base=tree.base)
            lacking = unmet({path: _text(tree.base / path) for path in declared}, here)
            arms = _arms(options, repo, tree, bytecode=folder / "bytecode")
            session = Session(timer=timer, arms=arms, lacking=lacking, say=say)
            scripts, interrupted = session.all_checked(options.plan.scripts)
            notes = (*tree.notes, *_notes(repo, tree, declared, python))
    return CheckResult(
        advisor_version=metadata.version("advisor"), created=now_utc(), base=base, head=head,
        fingerprint=here, scripts=scripts, total_s=time.monotonic() - begin_s,
        warn_only=options.plan.warn_only, interrupted=interrupted, notes=notes,
    )  # fmt: skip


def now_utc() -> str:
    """The time, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def find_scripts(options: CheckOptions, repo: Path | None) -> None:
    """Raise ConfigError for a script that is not there, or not in the working tree of `repo`, where there is one."""
    source = options.plan.source or "the command line"
    for script in options.plan.scripts:
        for given in (script.path, script.stdin):
            if given is None:
                continue
            path = (options.folder / given).resolve()
            if not path.exists():
                raise ConfigError(
                    f"there is no {given}",
                    source=source,
                    cure="check the path; it starts from the folder of the configuration",
                )
            if repo is not None and not path.is_relative_to(repo):
                raise ConfigError(
                    f"{given} is not in the repository",
                    source=source,
                    why=f"that is {repo}, and only what git keeps has a base",
                )


def on_one_disk(repo: Path) -> Path | None:
    """The folder to lay base out in, None for the usual temporary one.

    Where that is on another file system (memory, or a container's own beside a mounted checkout), what a script writes
    beside itself would take longer in one arm: then it is the one that the repository lies in, if it may be written to.
    """
    usual, beside = Path(tempfile.gettempdir()), repo.parent
    device = repo.stat().st_dev
    if usual.stat().st_dev == device or beside.stat().st_dev != device or not os.access(beside, os.W_OK):
        return None
    return beside


def _shared(options: CheckOptions, repo: Path) -> tuple[str, ...]:
    below = options.folder.resolve().relative_to(repo)
    return tuple((below / path).as_posix() + ("/" if path.endswith("/") else "") for path in options.plan.share)


def _arms(options: CheckOptions, repo: Path, tree: LaidOut, *, bytecode: Path) -> dict[Arm, ArmTree]:
    """Both arms; head gets the same additions to its path as base, so that neither pays for them alone."""
    python = options.interpreter
    below = options.folder.resolve().relative_to(repo).as_posix()
    entries = base_path_entries(python, repo, tree.base)
    of_head = tuple(str(tree.head / Path(entry).relative_to(tree.base.resolve())) for entry in entries)
    given = options.search_path
    kept = None if _writes_bytecode(repo) else bytecode
    libraries = probe(python).library_folders
    arms: dict[Arm, ArmTree] = {}
    sides: tuple[tuple[Arm, Path, tuple[str, ...], str | None], ...] = (
        ("base", tree.base, entries, translated(given, repo, tree.base) if given else None),
        ("head", tree.head, of_head, given),
    )
    for arm, folder, added, search_path in sides:
        variables = marked(environment(folder / below, added, search_path, bytecode=kept))
        arms[arm] = ArmTree(tree=folder, below=below, python=python, environment=variables, libraries=libraries)
    return arms


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # base has no such file


def _writes_bytecode(repo: Path) -> bool:
    """True where each arm will find the byte code of its modules beside them from its second run on.

    Else one could have some that the other has not: head from an earlier run, base as its folder is ours to write to.
    """
    return os.access(repo, os.W_OK) and not any(os.environ.get(name) for name in BYTECODE_VARIABLES)


def _notes(repo: Path, tree: LaidOut, declared: tuple[str, ...], python: str) -> Iterator[str]:
    """What a reader must know to judge the result."""
    if tree.base.stat().st_dev != repo.stat().st_dev:
        yield (
            f"base lies on another file system than head ({tree.base.parent.parent}): what a script reads and writes "
            "beside itself may take longer in one; set TMPDIR to a folder on the repository's"
        )
    if declared:
        yield (
            f"{', '.join(declared)} changed: both arms ran with the packages that are installed now, "
            "so that what other versions change is not in these figures"
        )
    copies = installed_copies(python, repo)
    if copies:
        yield (
            f"{', '.join(copies)} is installed from this repository as a copy: what imports it runs that copy in both "
            "arms; install it with --editable"
        )
