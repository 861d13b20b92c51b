"""Data that git does not track, shown to the base as well: it is linked from the working tree."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from advisor.errors import RevisionError
from advisor.revision.git import ask


def share_untracked(repo: Path, tree: Path, patterns: Sequence[str]) -> None:
    """Link what the `patterns` name in `repo`, and git does not track, into `tree` where it is absent there.

    A pattern is a path or a glob relative to `repo`. A folder that one of both has tracked files in is shared file by
    file. Raises RevisionError for a pattern that leads out of the repository.
    """
    if not patterns:
        return
    sharing = _Sharing(repo, tree)
    for pattern in patterns:
        for path in _matches(repo, pattern):
            sharing.link(path)


def _matches(repo: Path, pattern: str) -> Iterator[Path]:
    """Paths relative to `repo`, folders before what is in them. A name that is there is not taken for a glob."""
    plain = PurePosixPath(pattern)
    if plain.is_absolute() or ".." in plain.parts or not plain.parts:
        raise RevisionError(
            f"{pattern!r} cannot be shared with the base",
            why="what is shared lies in the repository",
            cure="give a path or a glob relative to the repository",
        )
    named = [repo / plain] if os.path.lexists(repo / plain) else sorted(repo.glob(str(plain)))
    paths = (path.relative_to(repo) for path in named)
    return (path for path in paths if path.parts[:1] != (".git",))


class _Sharing:
    """Links from `tree` into `repo`, of what the latter does not track."""

    def __init__(self, repo: Path, tree: Path) -> None:
        self._repo = repo
        self._tree = tree
        self._tracked = {Path(name) for name in ask(repo, "ls-files", "-z").items}
        self._with_tracked = {parent for path in self._tracked for parent in path.parents}

    def link(self, path: Path) -> None:
        """Link `path`, or what is in it."""
        here, there = self._repo / path, self._tree / path
        if path in self._tracked or path.parts[-1:] == (".git",):
            return
        shared_by_file = path in self._with_tracked or (there.is_dir() and not there.is_symlink())
        if shared_by_file and here.is_dir() and not here.is_symlink():
            for inner in sorted(here.iterdir()):
                self.link(inner.relative_to(self._repo))
        elif not os.path.lexists(there):
            there.parent.mkdir(parents=True, exist_ok=True)
            there.symlink_to(here)
