"""The user's repository: where it is, what its working tree is at, and what has changed in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from advisor.errors import RevisionError
from advisor.model.check import Revision
from advisor.revision.git import Answer, ask, git

# Files that a build or a run leaves inside a submodule are not changes of it: git's own rule for `git diff`.
_SUBMODULES = "--ignore-submodules=untracked"


def find_repository(folder: Path) -> Path:
    """The top level of the working tree that `folder` lies in, links resolved.

    Raises RevisionError where there is none, or git refuses to work in it.
    """
    answer = git(folder, "rev-parse", "--show-toplevel")
    if answer.code != 0:
        raise _refusal(folder, answer)
    return Path(answer.line)


def commit_of(repo: Path, ref: str) -> str | None:
    """The full hash of the commit that `ref` names, None where it names none; never taken for an option."""
    answer = git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return answer.line if answer.code == 0 else None


def head_revision(repo: Path, written: Sequence[Path] = ()) -> Revision:
    """The working tree as it is: the branch ("HEAD" where detached), its last commit ("": none), and whether dirty.

    Untracked files in `written`, files and folders of our own, change nothing of it.
    """
    branch = git(repo, "symbolic-ref", "--quiet", "--short", "HEAD")
    return Revision(
        name=branch.line if branch.code == 0 else "HEAD",
        commit=commit_of(repo, "HEAD") or "",
        why="the working tree",
        dirty=bool(uncommitted(repo)) or any(_others(repo, written)),
    )


def uncommitted(repo: Path) -> tuple[str, ...]:
    """Paths of tracked files that differ from the last commit, relative to `repo`, with `/`."""
    fields = ask(repo, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", _SUBMODULES).items
    return tuple(field[len("XY ") :] for field in fields)


def _others(repo: Path, written: Sequence[Path]) -> Iterator[str]:
    """Untracked files that are not ignored, but for those in `written`."""
    ours = [path.resolve() for path in written]
    for name in ask(repo, "ls-files", "-z", "--others", "--exclude-standard").items:
        if not any((repo / name).is_relative_to(path) for path in ours):
            yield name


def changed_files(repo: Path, base: Revision) -> tuple[str, ...]:
    """Paths that differ between `base` and the working tree, untracked files that are not ignored included.

    Relative to `repo`, with `/`, sorted; a file that moved counts at both places.
    """
    options = ("--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-relative", _SUBMODULES)
    tracked = ask(repo, "diff", *options, base.commit, "--").items
    return tuple(sorted({*tracked, *ask(repo, "ls-files", "-z", "--others", "--exclude-standard").items}))


def is_shallow(repo: Path) -> bool:
    """True where the repository holds only the newest part of its history."""
    return ask(repo, "rev-parse", "--is-shallow-repository").line == "true"


def _refusal(folder: Path, answer: Answer) -> RevisionError:
    """Why git finds no working tree here, and what helps."""
    if "dubious ownership" in answer.complaint:
        cure = "if you trust it: git config --global --add safe.directory FOLDER, with the folder git names"
        return RevisionError(f"git does not work in {folder}: it is another user's", why=answer.complaint, cure=cure)
    if "must be run in a work tree" in answer.complaint:
        cure = "run in a working tree: one is made with `git worktree add FOLDER BRANCH`"
        return RevisionError(f"{folder} has a repository but no working tree", why=answer.complaint, cure=cure)
    cure = "run inside a git repository, or compare with a stored baseline: --baseline FILE"
    return RevisionError(f"no git repository at {folder}", why=answer.complaint, cure=cure)
