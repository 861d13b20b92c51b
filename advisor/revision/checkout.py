"""The files of a commit and of its submodules, written to a folder from what is in local repositories."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from advisor.errors import RevisionError
from advisor.revision.git import ask, git
from advisor.revision.worktrees import FOLDER_PREFIX

_GITLINK = "160000"
"""The mode of an entry that is a submodule's commit."""


def write_files(tree: Path) -> tuple[str, ...]:
    """Write the files of the commit that the worktree `tree` is at; what a reader should know is returned."""
    return _filtered(tree, "reset", "--hard", "--quiet", "HEAD")


def write_submodules(repo: Path, tree: Path, commit: str) -> tuple[str, ...]:
    """Write the files of all submodules of `commit` into `tree`, at the commits recorded; as `write_files`.

    Taken from the submodules' repositories on this disk, which are only read: no network, nothing registered. One that
    is not checked out in `repo` stays empty, as it is there. Raises RevisionError where its commit is not on this disk.
    """
    return tuple(_written_below(_Source.at(repo), tree, commit))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A repository on this disk: where its files are checked out (they may not be), and git's folder of it."""

    checkout: Path
    git_folder: Path

    @classmethod
    def at(cls, checkout: Path) -> _Source:
        """The repository checked out there."""
        return cls(checkout=checkout, git_folder=Path(ask(checkout, "rev-parse", "--absolute-git-dir").line))

    def variables(self, folder: Path) -> dict[str, str]:
        """For git to take objects from here and files from `folder`, whatever its configuration says of the latter."""
        return {"GIT_DIR": str(self.git_folder), "GIT_WORK_TREE": str(folder)}

    def submodule(self, tree: Path, path: str) -> _Source | None:
        """The repository of the submodule at `path`, None where it is not on this disk.

        It is the one checked out there; else that of one that was removed since, which git keeps below `modules` by
        the name that .gitmodules in `tree` gives it (gitmodules(5)).
        """
        checkout = self.checkout / path
        if (checkout / ".git").exists():
            return _Source.at(checkout)
        name = _submodule_name(tree, path)
        common = ask(tree, "rev-parse", "--git-common-dir", variables=self.variables(tree)).line
        for folder in (self.git_folder, tree / common):
            kept = folder / "modules" / name
            if name and (kept / "HEAD").is_file():
                return _Source(checkout=checkout, git_folder=kept)
        return None


def _written_below(source: _Source, tree: Path, commit: str) -> Iterator[str]:
    """Write the submodules of `commit` and theirs in turn; gives the notes."""
    for path, recorded in _recorded(source, tree, commit):
        submodule = source.submodule(tree, path)
        if submodule is None:
            yield f"submodule {path} is not checked out and was left empty in the base"
        else:
            yield from _write_submodule(submodule, tree / path, path, recorded)
            yield from _written_below(submodule, tree / path, recorded)


def _write_submodule(source: _Source, folder: Path, path: str, commit: str) -> tuple[str, ...]:
    """Write the files of `commit` to `folder`, by an index that is thrown away."""
    folder.mkdir(parents=True, exist_ok=True)
    variables = source.variables(folder)
    if git(folder, "cat-file", "-e", f"{commit}^{{commit}}", variables=variables).code != 0:
        raise RevisionError(
            f"submodule {path} lacks the base's commit {commit[:10]}",
            why="its repository on this disk has not fetched it",
            cure=f"git -C {shlex.quote(str(source.checkout))} fetch origin {commit}",
        )
    with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        return _filtered(folder, "read-tree", "--reset", "-u", commit, variables={**variables, **index})


def _recorded(source: _Source, tree: Path, commit: str) -> Iterator[tuple[str, str]]:
    """Path and recorded commit of each submodule of `commit`."""
    listed = ask(tree, "ls-tree", "-r", "-z", "--full-tree", commit, variables=source.variables(tree))
    for entry in listed.items:
        about, _, path = entry.partition("\t")
        mode, _, recorded = about.split(" ")
        if mode == _GITLINK:
            yield path, recorded


def _submodule_name(tree: Path, path: str) -> str:
    """The name that .gitmodules in `tree` gives to the submodule at `path`, "" where it gives none."""
    pattern = r"^submodule\..*\.path$"
    for item in git(tree, "config", "--file", ".gitmodules", "-z", "--get-regexp", pattern).items:
        key, _, value = item.partition("\n")
        if value == path:
            return key.removeprefix("submodule.").removesuffix(".path")
    return ""


def _filtered(folder: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Run a command that writes files; where a filter's program fails (git-lfs is not installed), without filters.

    Git takes an empty command for no filter. What the filter would have fetched stays a pointer, and that is told.
    """
    answer = git(folder, *arguments, variables=variables)
    if answer.code == 0:
        return ()
    drivers = _filters(folder, variables)
    if not drivers:
        raise RevisionError("the files of the base could not be written", why=answer.complaint)
    off = [f"filter.{name}.{what}" for name in drivers for what in ("required=false", "smudge=", "process=")]
    again = git(folder, *arguments, settings=off, variables=variables)
    if again.code != 0:
        raise RevisionError("the files of the base could not be written", why=again.complaint)
    return (f"files of the base were written without git's filters {', '.join(drivers)}: {answer.complaint}",)


def _filters(folder: Path, variables: Mapping[str, str] | None) -> tuple[str, ...]:
    """Names of the filter drivers that are configured to be required."""
    pattern = r"^filter\..*\.required$"
    keys = git(folder, "config", "-z", "--name-only", "--get-regexp", pattern, variables=variables).items
    return tuple(sorted({key.removeprefix("filter.").removesuffix(".required") for key in keys}))
