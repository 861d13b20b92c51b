"""Which commit a check compares with, in real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest
from repositories import Repository, branched, plain_git  # noqa: F401  # the last is a fixture of every test here

from advisor.errors import EXIT_INCONCLUSIVE, RevisionError
from advisor.model.check import Revision
from advisor.revision.base import choose_base
from advisor.revision.repository import changed_files, find_repository, head_revision


@pytest.fixture
def feature(tmp_path: Path) -> Repository:
    return branched(tmp_path / "repo")


def chosen(repository: Repository, against: str | None = None, **environ: str) -> Revision:
    return choose_base(repository.path, against, environ)


def refused(repository: Repository, against: str | None = None, **environ: str) -> RevisionError:
    with pytest.raises(RevisionError) as caught:
        chosen(repository, against, **environ)
    assert caught.value.exit_code == EXIT_INCONCLUSIVE
    assert caught.value.cure
    return caught.value


# --- the repository


@pytest.mark.parametrize("name", ["plain", "with space", "quo'te\"s", "ünïcødé", "new\nline", "-dash"])
def test_a_repository_is_found_from_a_subfolder_whatever_its_name(tmp_path: Path, name: str):
    repository = Repository.made(tmp_path / name)
    (repository.path / "jobs").mkdir()
    assert find_repository(repository.path / "jobs") == repository.path.resolve()


def test_a_folder_without_repository_is_an_error(tmp_path: Path):
    with pytest.raises(RevisionError, match="no git repository") as caught:
        find_repository(tmp_path)
    assert caught.value.exit_code == EXIT_INCONCLUSIVE


def test_no_git_program_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RevisionError, match="git cannot be run") as caught:
        find_repository(tmp_path)
    assert "install git" in caught.value.cure


def test_a_repository_of_another_user_is_refused_in_gits_words(feature: Repository, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(RevisionError) as caught:
        find_repository(feature.path)
    assert "dubious ownership" in caught.value.why
    assert "safe.directory" in caught.value.cure


def test_a_bare_repository_has_no_working_tree(feature: Repository, tmp_path: Path):
    bare = feature.clone(tmp_path / "bare", "--bare")
    with pytest.raises(RevisionError, match="no working tree"):
        find_repository(bare.path)


def test_the_variables_of_a_hook_do_not_lead_elsewhere(
    feature: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    other = Repository.made(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index of a hook"))
    assert find_repository(feature.path) == feature.path
    assert not head_revision(feature.path).dirty


# --- head


def test_head_is_the_branch_its_commit_and_whether_dirty(feature: Repository):
    clean = head_revision(feature.path)
    assert (clean.name, clean.commit, clean.dirty) == ("feature", feature.git("rev-parse", "HEAD"), False)
    feature.write(script__py="print('changed')\n")
    assert head_revision(feature.path).dirty


def test_what_a_check_writes_itself_does_not_make_head_dirty(feature: Repository):
    reports = feature.path / "out/reports"
    reports.mkdir(parents=True)
    (reports / "check.html").write_text("of the check before")
    assert not head_revision(feature.path, (reports,)).dirty
    assert head_revision(feature.path).dirty
    (feature.path / "out/other.txt").write_text("the user's")
    assert head_revision(feature.path, (reports,)).dirty


def test_an_untracked_file_makes_head_dirty_an_ignored_one_does_not(feature: Repository):
    feature.commit(__gitignore="*.log\n")
    feature.write(run__log="noise")
    assert not head_revision(feature.path).dirty
    feature.write(new__py="print()\n")
    assert head_revision(feature.path).dirty


def test_a_detached_head_is_named_so(feature: Repository):
    feature.git("checkout", "--quiet", "--detach")
    assert head_revision(feature.path).name == "HEAD"
    assert chosen(feature).commit == feature.git("rev-parse", "main~1")


def test_head_without_commits_has_none(tmp_path: Path):
    assert head_revision(Repository.made(tmp_path / "repo").path).commit == ""


def test_asking_does_not_write_the_index(feature: Repository):
    feature.put("script.py", (feature.path / "script.py").read_text())  # same text, other time: git would refresh
    before = feature.state
    head_revision(feature.path)
    changed_files(feature.path, chosen(feature))
    assert feature.state == before


# --- the base, named


def test_against_a_branch_is_where_head_left_it(feature: Repository):
    base = chosen(feature, "main")
    assert base.commit == feature.git("rev-parse", "main~1")
    assert base.name == "merge base with main"


@pytest.mark.parametrize("ref", ["main~1", "v1", "HASH"])
def test_against_an_ancestor_is_that_one(feature: Repository, ref: str):
    first = feature.git("rev-parse", "main~1")
    feature.git("tag", "--annotate", "v1", first, "--message", "one")
    base = chosen(feature, first if ref == "HASH" else ref)
    assert base.commit == first


def test_against_a_branch_that_only_the_remote_has(feature: Repository, tmp_path: Path):
    clone = feature.clone(tmp_path / "clone")
    assert chosen(clone, "main").commit == feature.git("rev-parse", "main~1")


@pytest.mark.parametrize("ref", ["nowhere", "--all", "-h", "", "HEAD:script.py", "two words"])
def test_against_what_names_no_commit_is_an_error(feature: Repository, ref: str):
    assert repr(ref) in refused(feature, ref).what


def test_against_an_unrelated_history_is_an_error(feature: Repository):
    feature.git("checkout", "--quiet", "--orphan", "alien")
    feature.commit("alien")
    assert "unrelated" in refused(feature, "main").why


def test_against_head_is_head(feature: Repository):
    assert chosen(feature, "HEAD").commit == feature.git("rev-parse", "HEAD")


# --- the base, by default


def test_the_default_is_where_head_left_the_default_branch(feature: Repository):
    base = chosen(feature)
    assert base.commit == feature.git("rev-parse", "main~1")
    assert "default branch" in base.why


@pytest.mark.parametrize("default", ["main", "master", "trunk"])
def test_the_remotes_default_branch_counts_whatever_its_name(tmp_path: Path, default: str):
    origin = Repository.made(tmp_path / "origin", branch=default)
    first = origin.commit("first", script__py="1\n")
    clone = origin.clone(tmp_path / "clone")
    clone.commit("mine", script__py="2\n")
    base = chosen(clone)
    assert (base.name, base.commit) == (f"origin/{default}", first)


def test_a_remote_without_head_is_searched_for_main_and_master(tmp_path: Path):
    origin = Repository.made(tmp_path / "origin", branch="master")
    first = origin.commit("first")
    clone = origin.clone(tmp_path / "clone")
    clone.git("remote", "set-head", "origin", "--delete")
    clone.commit("mine")
    assert (chosen(clone).name, chosen(clone).commit) == ("origin/master", first)


def test_the_configured_default_branch_counts(feature: Repository):
    feature.git("branch", "--move", "main", "develop")
    assert "--against" in refused(feature).cure
    feature.git("config", "init.defaultBranch", "develop")
    assert chosen(feature).commit == feature.git("rev-parse", "develop~1")


def test_the_only_branch_is_the_default_one(tmp_path: Path):
    repository = Repository.made(tmp_path / "repo", branch="trunk")
    first = repository.commit("first")
    repository.commit("second")
    assert chosen(repository).commit == first


def test_on_the_default_branch_a_clean_tree_is_compared_with_the_commit_before(feature: Repository):
    feature.git("checkout", "--quiet", "main")
    base = chosen(feature)
    assert (base.name, base.commit) == ("HEAD^1", feature.git("rev-parse", "main~1"))
    assert "nothing is uncommitted" in base.why


def test_on_the_default_branch_uncommitted_changes_are_compared_with_the_last_commit(feature: Repository):
    feature.git("checkout", "--quiet", "main")
    feature.write(script__py="print('changed')\n")
    base = chosen(feature)
    assert (base.name, base.commit) == ("HEAD", feature.git("rev-parse", "main"))
    assert "uncommitted changes (script.py)" in base.why


def test_the_first_commit_has_nothing_before_it(tmp_path: Path):
    repository = Repository.made(tmp_path / "repo")
    repository.commit("first")
    assert refused(repository).why == "HEAD is the first commit"


def test_a_repository_without_commits_is_an_error(tmp_path: Path):
    assert "no commit yet" in refused(Repository.made(tmp_path / "repo")).what


# --- the base of a CI job


def test_a_pull_requests_target_counts_from_the_remote_first(feature: Repository, tmp_path: Path):
    feature.git("branch", "release", "main~1")
    clone = feature.clone(tmp_path / "clone")
    base = chosen(clone, GITHUB_BASE_REF="release", GITHUB_REF="refs/pull/7/merge")
    assert (base.name, base.commit) == ("origin/release", feature.git("rev-parse", "release"))
    assert "GITHUB_BASE_REF" in base.why


def test_a_push_job_has_no_target_and_takes_the_default_branch(feature: Repository):
    assert chosen(feature, GITHUB_BASE_REF="", CI_MERGE_REQUEST_TARGET_BRANCH_NAME="").name == "merge base with main"


def test_a_merge_requests_target_and_its_recorded_base_count(feature: Repository):
    first = feature.git("rev-parse", "main~1")
    named = {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    assert chosen(feature, **named).commit == first
    assert chosen(feature, **named, CI_MERGE_REQUEST_DIFF_BASE_SHA=first).name == first[:10]
    assert chosen(feature, **named, CI_MERGE_REQUEST_DIFF_BASE_SHA="0" * 40).name == "merge base with main"


def test_a_target_that_was_not_fetched_is_an_error_and_never_another_branch(feature: Repository):
    error = refused(feature, GITHUB_BASE_REF="release")
    assert "release is not in this clone" in error.what
    assert "fetch-depth: 0" in error.cure


def merged_by_github(feature: Repository, clone: Path, depth: int) -> Repository:
    """What actions/checkout leaves for a pull request: a detached trial merge, and no branch at all."""
    feature.git("checkout", "--quiet", "-b", "trial", "main")
    feature.git("merge", "--quiet", "--no-ff", "--message", "trial", "feature")
    feature.git("update-ref", "refs/pull/7/merge", "HEAD")
    job = Repository.made(clone)
    job.git("fetch", "--quiet", f"--depth={depth}", feature.path.as_uri(), "refs/pull/7/merge")
    job.git("checkout", "--quiet", "--detach", "FETCH_HEAD")
    return job


def test_a_trial_merge_of_depth_2_has_its_target_as_first_parent(feature: Repository, tmp_path: Path):
    job = merged_by_github(feature, tmp_path / "job", depth=2)
    base = chosen(job, GITHUB_BASE_REF="main", GITHUB_REF="refs/pull/7/merge")
    assert base.commit == feature.git("rev-parse", "main")


def test_a_trial_merge_of_depth_1_is_an_error(feature: Repository, tmp_path: Path):
    job = merged_by_github(feature, tmp_path / "job", depth=1)
    assert "fetch-depth: 0" in refused(job, GITHUB_BASE_REF="main", GITHUB_REF="refs/pull/7/merge").cure


# --- shallow clones


def test_a_shallow_clone_of_one_commit_says_how_to_fetch_more(feature: Repository, tmp_path: Path):
    shallow = feature.clone(tmp_path / "clone", "--depth=1", "--branch=main")
    error = refused(shallow)
    assert "shallow" in error.why
    assert "--unshallow" in error.cure
    assert "fetch-depth: 0" in refused(shallow, "v1").cure


def test_a_shallow_clone_whose_parting_was_cut_off_says_so(feature: Repository, tmp_path: Path):
    shallow = feature.clone(tmp_path / "clone", "--depth=1", "--no-single-branch", "--branch=feature")
    error = refused(shallow, "origin/main")
    assert "no commit in common" in error.what
    assert "shallow" in error.why


def test_a_shallow_clone_that_holds_the_base_works(feature: Repository, tmp_path: Path):
    shallow = feature.clone(tmp_path / "clone", "--depth=2", "--branch=feature")
    parent = feature.git("rev-parse", "feature~1")
    assert chosen(shallow, parent).commit == parent
    assert chosen(shallow).commit == parent


# --- what changed


def test_changed_files_are_those_of_commits_of_the_tree_and_untracked_ones(feature: Repository):
    feature.write(added__py="1\n")
    feature.commit(__gitignore="*.log\n")
    feature.put("jobs/new file.py", "1\n")
    feature.put("noise.log", "1\n")
    feature.git("rm", "--quiet", "added.py")
    feature.put("ünï.py", "1\n")
    changed = changed_files(feature.path, chosen(feature))
    assert changed == (".gitignore", "jobs/new file.py", "script.py", "ünï.py")


def test_a_moved_file_counts_at_both_places(feature: Repository):
    feature.git("mv", "script.py", "moved.py")
    assert changed_files(feature.path, chosen(feature, "HEAD")) == ("moved.py", "script.py")
