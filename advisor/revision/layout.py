"""Base and head side by side in a temporary folder, for as long as a check runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from advisor.model.check import Revision
from advisor.revision.checkout import write_files, write_submodules
from advisor.revision.sharing import share_untracked
from advisor.revision.worktrees import outside, worktree


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidOut:
    """The folders of both arms, whose paths have one length, and what a reader should know of the base's.

    `base` is a git worktree, `head` a link to the user's own working tree.
    """

    base: Path
    head: Path
    notes: tuple[str, ...] = ()


@contextmanager
def laid_out(repo: Path, base: Revision, folder: Path, *, share: Sequence[str] = ()) -> Iterator[LaidOut]:
    """Lay `base` out at `folder`/base, and a link to `repo` at `folder`/head, until the block is left.

    `folder` is a temporary one whose name begins with `FOLDER_PREFIX`; `share` names untracked data of `repo` that the
    base needs too, as `share_untracked`. No hook runs; the user's index, refs and files are not written. However the
    block is left the worktree is removed; after a SIGKILL, by the next check in the repository. Raises RevisionError.
    """
    place = outside(folder, repo)
    tree, link = place / "base", place / "head"
    with worktree(repo, tree, base.commit):
        notes = (*write_files(tree), *write_submodules(repo, tree, base.commit))
        share_untracked(repo, tree, share)
        link.symlink_to(repo)
        try:
            yield LaidOut(base=tree, head=link, notes=notes)
        finally:
            link.unlink(missing_ok=True)
