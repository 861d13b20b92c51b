"""Our worktrees in the user's repository: made, held while they are in use, and removed, those of killed checks too."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from advisor.errors import RevisionError
from advisor.revision.git import ask, git

FOLDER_PREFIX = "advise-"
"""How the name of a temporary folder of ours begins."""

_MARK = "advise check measures here"
"""What `git worktree list --verbose` shows as the reason of our lock, and what we know our worktrees by."""


@contextmanager
def worktree(repo: Path, tree: Path, commit: str) -> Iterator[None]:
    """An empty worktree of `commit` at `tree`, detached and locked, until the block is left.

    What says that its check still lives is a lock of the kernel's on git's own file `locked`: it ends with the process,
    however that ends. Worktrees of checks that were killed are removed first. Raises RevisionError.
    """
    common = common_folder(repo)
    with ExitStack() as held:  # let go only when nothing is left that another could take for abandoned
        try:
            with _alone(common) as sure:
                if sure:
                    _remove_abandoned(repo, common)
                ask(repo, "worktree", "add", "--detach", "--no-checkout", "--lock", str(tree), commit)
                held.enter_context(_held(_own_folder(tree) / "locked"))
            yield
        finally:
            remove_folder(tree)
            with _alone(common):
                _forget(repo, common, tree)


def common_folder(repo: Path) -> Path:
    """The folder of the repository that all its worktrees share: `.git`, as a rule."""
    return repo / ask(repo, "rev-parse", "--git-common-dir").line


def remove_folder(folder: Path) -> None:
    """Remove `folder` with all in it, folders without write permission too; links in it are not followed."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.is_dir():
        return
    for name, _, _ in os.walk(folder):
        with suppress(OSError):
            Path(name).chmod(stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(common: Path) -> Iterator[bool]:
    """One check at a time in here, by a lock on the folder itself. Gives False where its file system has no locks."""
    descriptor = os.open(common, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _held(lock: Path) -> TextIO:
    """Mark and lock git's lock file. Without locks in the file system nothing is ever taken for abandoned."""
    file = lock.open("w", encoding="utf-8")
    try:
        file.write(f"{_MARK} (process {os.getpid()})\n")
        file.flush()
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        file.close()
        raise
    return file


def _own_folder(tree: Path) -> Path:
    """The folder of the repository that is of this worktree alone."""
    return Path(ask(tree, "rev-parse", "--absolute-git-dir").line)


def _remove_abandoned(repo: Path, common: Path) -> None:
    """Remove our worktrees whose check was killed, with the temporary folders they lie in."""
    for lock in (common / "worktrees").glob("*/locked"):
        if not _is_abandoned(lock):
            continue
        tree = _tree_of(lock.parent)
        if tree is not None:
            remove_folder(tree)
            _forget(repo, common, tree)
            if tree.parent.name.startswith(FOLDER_PREFIX):
                remove_folder(tree.parent)


def _is_abandoned(lock: Path) -> bool:
    """True where the lock is ours and no living process holds it."""
    try:
        with lock.open(encoding="utf-8", errors="replace") as file:
            if file.read(len(_MARK)) != _MARK:
                return False
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # BlockingIOError: its check lives
        return False
    return True


def _tree_of(own: Path) -> Path | None:
    """Where the worktree lies whose folder in the repository is `own` (gitrepository-layout(5), worktrees/…/gitdir)."""
    with suppress(OSError):
        text = (own / "gitdir").read_bytes()
        return Path(os.path.normpath(own / os.fsdecode(text).removesuffix("\n"))).parent
    return None


def _forget(repo: Path, common: Path, tree: Path) -> None:
    """Take the worktree at `tree` out of the repository: by git, else by hand. No other is touched, as prune would."""
    git(repo, "worktree", "remove", "--force", "--force", str(tree))
    for own in (common / "worktrees").glob("*"):
        if _tree_of(own) == tree:
            remove_folder(own)
    with suppress(OSError):  # others are in it, or it is gone
        (common / "worktrees").rmdir()


def outside(folder: Path, repo: Path) -> Path:
    """`folder` with links resolved, as git names it. Raises RevisionError where it lies in the working tree."""
    resolved = folder.resolve()
    if resolved.is_relative_to(repo.resolve()):
        raise RevisionError(
            f"the temporary folder {resolved} lies in the repository",
            why="a copy of the code in there would change what git, tools and tests see",
            cure="set TMPDIR to a folder outside of it",
        )
    return resolved
