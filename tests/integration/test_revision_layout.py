"""The base laid out beside head, in real repositories: whole, apart from the user's own, and gone afterwards."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from repositories import Repository, branched, plain_git  # noqa: F401  # the last is a fixture of every test here

from advisor.errors import RevisionError
from advisor.revision.base import choose_base
from advisor.revision.git import git
from advisor.revision.layout import LaidOut, laid_out
from advisor.revision.repository import find_repository, head_revision
from advisor.revision.worktrees import FOLDER_PREFIX

HOLDER = """
import os, sys
from pathlib import Path
from advisor.model.check import Revision
from advisor.observe.signals import orderly_end
from advisor.revision.layout import laid_out
from advisor.revision.repository import commit_of
repo, folder = map(Path, sys.argv[1:])
with orderly_end(), laid_out(repo, Revision(name="HEAD", commit=commit_of(repo, "HEAD")), folder):
    print("laid out", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def feature(tmp_path: Path) -> Repository:
    return branched(tmp_path / "repo")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / f"{FOLDER_PREFIX}one"
    made.mkdir()
    return made


@contextmanager
def compared(
    repository: Repository, folder: Path, against: str = "HEAD", share: tuple[str, ...] = ()
) -> Iterator[LaidOut]:
    repo = find_repository(repository.path)
    with laid_out(repo, choose_base(repo, against, {}), folder, share=share) as both:
        yield both


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


# --- both arms


def test_both_arms_stand_side_by_side_with_paths_of_one_length(feature: Repository, folder: Path):
    feature.write(script__py="print('uncommitted')\n")
    with compared(feature, folder, "main") as both:
        assert files_of(both.base) == {"script.py": "print('first')\n"}
        assert files_of(both.head) == {"script.py": "print('uncommitted')\n"}
        assert len(str(both.base)) == len(str(both.head))
        assert both.notes == ()


def test_git_in_the_base_is_at_the_bases_commit(feature: Repository, folder: Path):
    with compared(feature, folder, "main") as both:
        base = Repository(both.base)
        assert base.git("rev-parse", "HEAD") == feature.git("rev-parse", "main~1")
        assert base.git("status", "--porcelain") == ""


def test_a_script_that_writes_in_the_base_leaves_head_alone(feature: Repository, folder: Path):
    before = feature.state
    with compared(feature, folder) as both:
        (both.base / "script.py").write_text("other\n")
        (both.base / "result").write_text("other\n")
    assert feature.state == before


@pytest.mark.parametrize("ended_by", [None, ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_stays_however_the_block_is_left(
    feature: Repository, folder: Path, ended_by: type[BaseException] | None
):
    feature.write(script__py="print('staged')\n")
    feature.git("add", "script.py")
    feature.write(script__py="print('unstaged')\n", new__py="untracked\n")
    before = feature.state
    with pytest.raises(ended_by) if ended_by else nullcontext(), compared(feature, folder, "main"):
        if ended_by:
            raise ended_by
    assert feature.state == before
    assert list(folder.iterdir()) == []


def test_folders_made_read_only_go_too(feature: Repository, folder: Path):
    with compared(feature, folder) as both:
        (both.base / "locked").mkdir()
        (both.base / "locked" / "file").write_text("")
        (both.base / "locked").chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["with space", "quo'te\"s", "ünïcødé", "new\nline"])
def test_odd_names_of_repository_files_and_temporary_folder(tmp_path: Path, name: str):
    repository = Repository.made(tmp_path / name / "repo")
    repository.put(f"jobs/{name}.py", "print()\n")
    repository.commit()
    folder = tmp_path / f"{FOLDER_PREFIX}{name}"
    folder.mkdir()
    before = repository.state
    with compared(repository, folder) as both:
        assert files_of(both.base) == {f"jobs/{name}.py": "print()\n"}
    assert repository.state == before


def test_a_repository_that_is_a_linked_worktree(feature: Repository, folder: Path, tmp_path: Path):
    feature.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "main")
    linked = Repository(tmp_path / "linked")
    before = feature.state, linked.state
    with compared(linked, folder, "feature") as both:
        assert set(files_of(both.base)) == {"script.py"}
        assert set(files_of(both.head)) == {"script.py", "other.py"}
    assert (feature.state, linked.state) == before


def test_a_worktree_of_a_bare_repository(feature: Repository, folder: Path, tmp_path: Path):
    bare = feature.clone(tmp_path / "project" / ".bare", "--bare")
    bare.git("worktree", "add", "--quiet", str(tmp_path / "project" / "main"), "main")
    with compared(Repository(tmp_path / "project" / "main"), folder, "main~1") as both:
        assert files_of(both.base) == {"script.py": "print('first')\n"}


def test_a_shallow_and_detached_clone(feature: Repository, folder: Path, tmp_path: Path):
    shallow = feature.clone(tmp_path / "clone", "--depth=2", "--branch=feature")
    shallow.git("checkout", "--quiet", "--detach")
    before = shallow.state
    with compared(shallow, folder, "HEAD^1") as both:
        assert files_of(both.base) == {"script.py": "print('first')\n"}
    assert shallow.state == before


def test_a_temporary_folder_inside_of_the_repository_is_refused(feature: Repository):
    inside = feature.path / "tmp"
    inside.mkdir()
    with pytest.raises(RevisionError) as caught, compared(feature, inside):
        pass
    assert "TMPDIR" in caught.value.cure
    assert list(inside.iterdir()) == []


# --- what the user has set up


def test_no_hook_of_the_user_runs(feature: Repository, folder: Path, tmp_path: Path):
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = feature.put(f".git/hooks/{name}", f"#!/bin/sh\necho {name} >> '{tmp_path}/ran'\n")
        hook.chmod(0o755)
    with compared(feature, folder, "main") as both:
        head_revision(both.base)
    assert not (tmp_path / "ran").exists()


def test_a_check_inside_of_a_commit_hook_works(feature: Repository, tmp_path: Path, environment: dict[str, str]):
    """Git sets GIT_INDEX_FILE, and in a linked worktree GIT_DIR, for its hooks."""
    program = tmp_path / "check.py"
    program.write_text(
        "import tempfile\nfrom pathlib import Path\n"
        "from advisor.model.check import Revision\nfrom advisor.revision.layout import laid_out\n"
        "from advisor.revision.repository import commit_of\n"
        f"repo = Path({str(tmp_path / 'linked')!r})\n"
        "with tempfile.TemporaryDirectory(prefix='advise-') as name:\n"
        "    with laid_out(repo, Revision(name='', commit=commit_of(repo, 'HEAD')), Path(name)) as both:\n"
        f"        Path({str(tmp_path / 'seen')!r}).write_text((both.base / 'script.py').read_text())\n"
    )
    feature.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "main")
    hook = feature.put(".git/hooks/pre-commit", f"#!/bin/sh\nexec '{sys.executable}' '{program}'\n")
    hook.chmod(0o755)
    linked = Repository(tmp_path / "linked")
    linked.write(script__py="print('third')\n")
    linked.git("commit", "--quiet", "--message", "third", "script.py", **environment)
    assert (tmp_path / "seen").read_text() == "print('first')\n"
    assert linked.git("show", "--name-only", "--format=") == "script.py"
    assert linked.git("status", "--porcelain") == ""


def test_the_users_own_worktrees_stay_even_one_whose_folder_is_away(feature: Repository, folder: Path, tmp_path: Path):
    for name in ("away", f"{FOLDER_PREFIX}mine/base"):
        feature.git("worktree", "add", "--quiet", "--detach", str(tmp_path / name))
    feature.git("worktree", "lock", "--reason", "mine", str(tmp_path / f"{FOLDER_PREFIX}mine/base"))
    (tmp_path / "away").rename(tmp_path / "unmounted")
    with compared(feature, folder):
        pass
    listed = feature.git("worktree", "list", "--porcelain")
    assert str(tmp_path / "away") in listed
    assert (tmp_path / f"{FOLDER_PREFIX}mine/base/script.py").exists()


def test_a_filter_whose_program_is_missing_is_told_and_its_pointers_stay(feature: Repository, folder: Path):
    feature.commit(__gitattributes="*.bin filter=lfs\n", data__bin="pointer\n")
    for key, value in (("smudge", "no-such-program smudge"), ("process", "no-such-program"), ("required", "true")):
        feature.git("config", f"filter.lfs.{key}", value)
    with compared(feature, folder) as both:
        assert (both.base / "data.bin").read_text() == "pointer\n"
        assert "lfs" in both.notes[0]


def test_a_filter_that_works_is_used(feature: Repository, folder: Path):
    feature.commit(__gitattributes="*.bin filter=upper\n", data__bin="pointer\n")
    feature.git("config", "filter.upper.smudge", "tr a-z A-Z")
    feature.git("config", "filter.upper.required", "true")
    with compared(feature, folder) as both:
        assert (both.base / "data.bin").read_text() == "POINTER\n"
        assert both.notes == ()


# --- data that git does not track


def test_untracked_data_is_shared_where_the_base_has_none(feature: Repository, folder: Path):
    feature.put("data/tracked.csv", "old\n")
    feature.commit()
    feature.put("data/tracked.csv", "new\n")
    feature.put("data/large.csv", "rows\n")
    feature.put("models/a/weights.bin", "w\n")
    feature.put("other.txt", "not named\n")
    with compared(feature, folder, share=("data/", "models", "no such file")) as both:
        assert files_of(both.base / "data") == {"tracked.csv": "old\n", "large.csv": "rows\n"}
        assert (both.base / "models/a/weights.bin").read_text() == "w\n"
        assert not (both.base / "other.txt").exists()
    assert (feature.path / "data/large.csv").read_text() == "rows\n"
    assert (feature.path / "models/a/weights.bin").read_text() == "w\n"


def test_globs_share_what_they_match(feature: Repository, folder: Path):
    feature.put("pkg/fast.so", "binary\n")
    feature.put("pkg/notes.txt", "x\n")
    feature.put("odd[1]/data", "x\n")
    with compared(feature, folder, share=("**/*.so", "odd[1]")) as both:
        assert set(files_of(both.base)) == {"script.py", "pkg/fast.so"}
        assert (both.base / "odd[1]/data").exists()


def test_a_file_that_head_has_added_to_git_is_not_shared(feature: Repository, folder: Path):
    feature.put("data/added.csv", "x\n")
    feature.commit()
    feature.put("data/large.csv", "x\n")
    with compared(feature, folder, "HEAD^1", share=("data",)) as both:
        assert set(files_of(both.base / "data")) == {"large.csv"}


@pytest.mark.parametrize("pattern", ["/etc", "../elsewhere", "data/../../x", ""])
def test_nothing_outside_of_the_repository_is_shared(feature: Repository, folder: Path, pattern: str):
    with pytest.raises(RevisionError, match="cannot be shared"), compared(feature, folder, share=(pattern,)):
        pass
    assert list(folder.iterdir()) == []


# --- submodules


@pytest.fixture
def nested(tmp_path: Path) -> Repository:
    """`repo` with the submodule vendor/outer and in it inner: head has the second commits of all, HEAD^1 the first."""
    inner = Repository.made(tmp_path / "origins" / "inner")
    inner.commit(inner__py="inner 1\n")
    outer = Repository.made(tmp_path / "origins" / "outer")
    outer.git("submodule", "--quiet", "add", inner.path.as_uri(), "inner")
    outer.commit(outer__py="outer 1\n")
    repository = Repository.made(tmp_path / "repo")
    repository.git("submodule", "--quiet", "add", "--name", "a name", outer.path.as_uri(), "vendor/outer")
    repository.git("submodule", "--quiet", "update", "--init", "--recursive")
    repository.commit(script__py="1\n")
    Repository(repository.path / "vendor/outer/inner").commit(inner__py="inner 2\n")
    Repository(repository.path / "vendor/outer").commit(outer__py="outer 2\n")
    repository.commit(script__py="2\n")
    return repository


def submodule_files(tree: Path) -> tuple[str, str]:
    return (tree / "vendor/outer/outer.py").read_text(), (tree / "vendor/outer/inner/inner.py").read_text()


def test_submodules_are_at_the_bases_commits_without_a_network(nested: Repository, folder: Path, tmp_path: Path):
    (tmp_path / "origins").rename(tmp_path / "unreachable")
    before = nested.state, Repository(nested.path / "vendor/outer").state
    with compared(nested, folder, "HEAD^1") as both:
        assert submodule_files(both.base) == ("outer 1\n", "inner 1\n")
        assert submodule_files(both.head) == ("outer 2\n", "inner 2\n")
        assert both.notes == ()
    assert (nested.state, Repository(nested.path / "vendor/outer").state) == before
    assert list(folder.iterdir()) == []


def test_a_submodule_that_head_has_removed_is_taken_from_what_git_kept(nested: Repository, folder: Path):
    nested.git("rm", "--quiet", "-f", "vendor/outer")
    nested.commit("without")
    with compared(nested, folder, "HEAD^1") as both:
        assert submodule_files(both.base) == ("outer 2\n", "inner 2\n")


def test_a_submodule_that_is_not_checked_out_stays_empty_and_that_is_told(
    nested: Repository, folder: Path, tmp_path: Path
):
    clone = nested.clone(tmp_path / "clone")
    with compared(clone, folder) as both:
        assert list((both.base / "vendor/outer").iterdir()) == []
        assert "vendor/outer is not checked out" in both.notes[0]


def test_a_submodules_commit_that_was_not_fetched_is_an_error(nested: Repository, folder: Path, tmp_path: Path):
    Repository(tmp_path / "origins/outer").git("config", "receive.denyCurrentBranch", "ignore")
    Repository(nested.path / "vendor/outer").git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    clone = nested.clone(tmp_path / "clone")
    clone.git("submodule", "--quiet", "update", "--init", "--depth=1", "vendor/outer")
    first = nested.git("rev-parse", "HEAD^1:vendor/outer")
    assert Repository(clone.path / "vendor/outer").git("rev-parse", "HEAD") != first
    with pytest.raises(RevisionError) as caught, compared(clone, folder, "HEAD^1"):
        pass
    assert f"lacks the base's commit {first[:10]}" in caught.value.what
    assert f"fetch origin {first}" in caught.value.cure
    assert list(folder.iterdir()) == []


def test_a_submodule_is_a_change_where_its_files_are(nested: Repository):
    assert not head_revision(nested.path).dirty
    (nested.path / "vendor/outer/new.pyc").write_text("")
    assert not head_revision(nested.path).dirty
    (nested.path / "vendor/outer/outer.py").write_text("changed\n")
    assert head_revision(nested.path).dirty


# --- several checks, and killed ones


def started(repository: Repository, folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Another check in the repository."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(repository.path), str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **environment}, text=True,
    )  # fmt: skip


def until_laid_out(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "laid out\n"


@contextmanager
def another(repository: Repository, folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    folder.mkdir(exist_ok=True)
    with started(repository, folder, environment) as process:
        try:
            until_laid_out(process)
            yield process
        finally:
            process.kill()


def test_two_checks_at_once_do_not_disturb_each_other(
    feature: Repository, folder: Path, tmp_path: Path, environment: dict[str, str]
):
    before = feature.state
    with another(feature, tmp_path / f"{FOLDER_PREFIX}two", environment) as process:
        with compared(feature, folder, "main") as both:
            assert files_of(both.base) == {"script.py": "print('first')\n"}
        assert (tmp_path / f"{FOLDER_PREFIX}two" / "base" / "script.py").read_text() == "print('feature')\n"
        process.communicate("")
        assert process.returncode == 0
    assert feature.state == before


def test_many_checks_started_at_once_all_end_well(feature: Repository, tmp_path: Path, environment: dict[str, str]):
    before = feature.state
    folders = [tmp_path / f"{FOLDER_PREFIX}{number}" for number in range(4)]
    for each in folders:
        each.mkdir()
    processes = [started(feature, each, environment) for each in folders]
    for process in processes:
        until_laid_out(process)
    for process in processes:
        process.communicate("")
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert feature.state == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_lets_us_clean_up_leaves_nothing(
    feature: Repository, folder: Path, environment: dict[str, str], number: signal.Signals
):
    before = feature.state
    with another(feature, folder, environment) as process:
        process.send_signal(number)
        process.communicate()
    assert feature.state == before
    assert list(folder.iterdir()) == []


def test_what_a_killed_check_left_is_removed_by_the_next(
    feature: Repository, folder: Path, tmp_path: Path, environment: dict[str, str]
):
    before = feature.state
    left = tmp_path / f"{FOLDER_PREFIX}killed"
    with another(feature, left, environment) as process:
        process.send_signal(signal.SIGKILL)
    assert (left / "base" / "script.py").exists()
    with compared(feature, folder):
        assert not left.exists()
    assert feature.state == before
    assert (feature.path / "script.py").exists()


def test_what_a_killed_check_left_goes_though_its_folder_is_gone(
    feature: Repository, folder: Path, tmp_path: Path, environment: dict[str, str]
):
    before = feature.state
    left = tmp_path / f"{FOLDER_PREFIX}killed"
    with another(feature, left, environment) as process:
        process.send_signal(signal.SIGKILL)
    left.rename(tmp_path / "moved by a cleaner")
    with compared(feature, folder):
        pass
    assert feature.state == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_while_files_are_written(
    feature: Repository, folder: Path, tmp_path: Path, environment: dict[str, str], number: signal.Signals
):
    """A filter that waits holds git in the middle of it; `reached` ends when the filter has."""
    reached, release = tmp_path / "reached", tmp_path / "release"
    os.mkfifo(reached)
    os.mkfifo(release)
    feature.commit(__gitattributes="*.bin filter=slow\n", data__bin="data\n")
    before = feature.state
    feature.git("config", "filter.slow.smudge", f"exec 3> '{reached}'; echo >&3; read line < '{release}'")
    held = tmp_path / f"{FOLDER_PREFIX}held"
    held.mkdir()
    with started(feature, held, environment) as process, reached.open() as filter_ends:
        filter_ends.readline()
        process.send_signal(number)
        process.communicate()
        feature.git("config", "--remove-section", "filter.slow")
        if number == signal.SIGKILL:
            with compared(feature, folder):
                assert not held.exists()
            release.write_text("go on\n")
        filter_ends.read()
    assert not held.exists() or list(held.iterdir()) == []
    assert feature.state == before


def test_an_interrupt_while_git_is_being_started_leaves_no_git(
    feature: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """On a busy machine git may be well under way before whoever started it has its process in hand."""
    started_ones: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # what it is given, it passes on
            super().__init__(*arguments, **options)
            started_ones.append(self)
            signal.raise_signal(signal.SIGINT)

    never = tmp_path / "never"
    os.mkfifo(never)
    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        git(feature.path, "hash-object", str(never))

    (process,) = started_ones
    assert process.returncode == -signal.SIGTERM


def test_gits_housekeeping_leaves_the_base_alone(feature: Repository, folder: Path):
    with compared(feature, folder) as both:
        feature.git("worktree", "prune", "--expire=now")
        feature.git("gc", "--quiet", "--prune=now")
        assert Repository(both.base).git("status", "--porcelain") == ""


def test_the_scratch_of_submodules_is_gone(nested: Repository, folder: Path):
    before = set(Path(tempfile.gettempdir()).iterdir())
    with compared(nested, folder, "HEAD^1"):
        assert set(Path(tempfile.gettempdir()).iterdir()) == before
