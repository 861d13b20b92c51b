"""Which commit to compare with: the one a merge would start from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from advisor.errors import RevisionError
from advisor.model.check import Revision
from advisor.revision.git import git
from advisor.revision.repository import commit_of, is_shallow, uncommitted

_DEEPER = "fetch the history: git fetch --unshallow, in GitHub Actions `fetch-depth: 0`, in GitLab CI `GIT_DEPTH: 0`"
_CHOOSE = "name the revision to compare with: --against REF"
_NAMES_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A ref that is there: as people say it, its commit, and why it is that one."""

    name: str
    commit: str
    why: str


def choose_base(repo: Path, against: str | None, environ: Mapping[str, str]) -> Revision:
    """The revision to compare the working tree of `repo` with, and why it is that one.

    With `against` the merge base of that ref and HEAD. Without, of the branch that the CI job in `environ` is to be
    merged into (GitHub: GITHUB_BASE_REF; GitLab: CI_MERGE_REQUEST_…), else of the default branch. Where that is HEAD
    itself, the last commit if there are uncommitted changes, the one before it if there are none.
    Raises RevisionError: no commit, no such ref, nothing in common, history cut off.
    """
    head = commit_of(repo, "HEAD")
    if head is None:
        raise RevisionError(
            f"{repo} has no commit yet", why="there is nothing to compare with", cure="commit a first version"
        )
    if against is not None:
        return _merge_base(repo, head, _named(repo, against))
    wanted = _asked_by_ci(repo, environ) or _default_branch(repo)
    base = _merge_base(repo, head, wanted)
    return base if base.commit != head else _on_the_branch_itself(repo, head, wanted)


def _merge_base(repo: Path, head: str, wanted: _Wanted) -> Revision:
    """Where `wanted` and HEAD parted."""
    answer = git(repo, "merge-base", wanted.commit, head)
    if answer.code != 0:
        cut_off = is_shallow(repo)
        raise RevisionError(
            f"{wanted.name} and HEAD have no commit in common",
            why="this clone is shallow: the commit where they parted was not fetched"
            if cut_off
            else answer.complaint or "their histories are unrelated",
            cure=_DEEPER if cut_off else _CHOOSE,
        )
    commit = answer.line.split("\n", 1)[0]
    if commit == wanted.commit:
        return Revision(name=wanted.name, commit=commit, why=wanted.why)
    return Revision(name=f"merge base with {wanted.name}", commit=commit, why=f"where HEAD left it; {wanted.why}")


def _named(repo: Path, ref: str) -> _Wanted:
    """The user's ref; a branch that only the remote has is found there, as in a CI job's clone."""
    for name in (ref, f"refs/remotes/origin/{ref}"):
        commit = commit_of(repo, name)
        if commit is not None:
            return _Wanted(name=_short(name), commit=commit, why="named with --against")
    shallow = is_shallow(repo)
    raise RevisionError(
        f"no commit is named {ref!r} here",
        why="this clone is shallow and may lack it" if shallow else "git knows no such branch, tag or hash",
        cure=_DEEPER if shallow else "see `git branch --all` for the names there are; fetch it where it is elsewhere",
    )


def _asked_by_ci(repo: Path, environ: Mapping[str, str]) -> _Wanted | None:
    """What the CI job in `environ` is to be merged into, None outside of such a job.

    Sources: docs.github.com "Default environment variables"; docs.gitlab.com "Predefined CI/CD variables".
    """
    parted = environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")
    commit = commit_of(repo, parted) if parted else None
    if commit is not None:
        return _Wanted(name=commit[:10], commit=commit, why="the base of this merge request (GitLab)")
    for variable in ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"):
        if environ.get(variable):
            return _target_branch(repo, environ[variable], variable, environ)
    return None


def _target_branch(repo: Path, branch: str, variable: str, environ: Mapping[str, str]) -> _Wanted:
    why = f"this job's changes are to be merged into it (${variable})"
    for ref in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
        commit = commit_of(repo, ref)
        if commit is not None:
            return _Wanted(name=_short(ref), commit=commit, why=why)
    # GitHub checks out a trial merge: its first parent is the target branch, there with `fetch-depth: 2` already.
    ref = environ.get("GITHUB_REF", "")
    if ref.startswith("refs/pull/") and ref.endswith("/merge") and commit_of(repo, "HEAD^2"):
        return _Wanted(name=f"{branch}, as merged", commit=commit_of(repo, "HEAD^1") or "", why=why)
    raise RevisionError(
        f"the branch {branch} is not in this clone",
        why=f"${variable} says that the changes are to be merged into it, but it was not fetched",
        cure=f"{_DEEPER}; or: git fetch origin {branch}:refs/remotes/origin/{branch}",
    )


def _default_branch(repo: Path) -> _Wanted:
    for ref in _default_refs(repo):
        commit = commit_of(repo, ref)
        if commit is not None:
            return _Wanted(name=_short(ref), commit=commit, why="the default branch")
    raise RevisionError("the default branch is not known", why="there is no origin/HEAD, main or master", cure=_CHOOSE)


def _default_refs(repo: Path) -> Iterator[str]:
    """Full names of what may be the default branch, the likeliest first; the last is the only branch there is."""
    remote = git(repo, "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
    yield from [remote.line] if remote.code == 0 else []
    configured = git(repo, "config", "init.defaultBranch")
    names = ("main", "master", *([configured.line] if configured.code == 0 else []))
    yield from (f"refs/{kind}/{name}" for kind in ("remotes/origin", "heads") for name in names)
    branches = git(repo, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes").out.splitlines()
    yield from branches if len(branches) == 1 else []


def _on_the_branch_itself(repo: Path, head: str, wanted: _Wanted) -> Revision:
    """HEAD holds nothing that `wanted` has not: what is compared is the newest change.

    Untracked files are none: reports and results of earlier runs are such, ours too, and code that git does not know
    is reached by a change of code that it does.
    """
    changes = uncommitted(repo)
    if changes:
        shown = ", ".join(changes[:_NAMES_SHOWN]) + (", …" if len(changes) > _NAMES_SHOWN else "")
        return Revision(name="HEAD", commit=head, why=f"uncommitted changes ({shown}) against the last commit")
    previous = commit_of(repo, "HEAD^1")
    if previous is not None:
        why = f"{wanted.name} has all that HEAD has and nothing is uncommitted: the last commit against the one before"
        return Revision(name="HEAD^1", commit=previous, why=why)
    cut_off = is_shallow(repo)
    raise RevisionError(
        "there is no commit before HEAD to compare with",
        why="this clone is shallow: it was not fetched" if cut_off else "HEAD is the first commit",
        cure=_DEEPER if cut_off else "commit a change, or leave it uncommitted, and check again",
    )


def _short(ref: str) -> str:
    """A full ref name as people say it."""
    return ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")
