"""Real git repositories for tests, out of reach of this machine's git configuration."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

VARIABLES = {
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A User", "GIT_AUTHOR_EMAIL": "user@example.org",
    "GIT_COMMITTER_NAME": "A User", "GIT_COMMITTER_EMAIL": "user@example.org",
}  # fmt: skip


@pytest.fixture(autouse=True)
def plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """For this process and what it starts: no configuration but the repository's own, and no CI job's variables."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "GITHUB_", "CI_"))]:
        monkeypatch.delenv(name)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at `path`, driven as its user would."""

    path: Path

    @classmethod
    def made(cls, path: Path, branch: str = "main") -> Repository:
        """A new one without commits."""
        path.mkdir(parents=True)
        repository = cls(path)
        repository.git("init", "--quiet", f"--initial-branch={branch}")
        return repository

    def git(self, *arguments: str, **variables: str) -> str:
        """What git answers, without its last line end."""
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments], cwd=self.path, env={**os.environ, **variables},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.removesuffix("\n")

    def write(self, **files: str) -> None:
        """Files by their names; `__` stands for a dot, a `/` is written as it is."""
        for name, text in files.items():
            self.put(name.replace("__", "."), text)

    def put(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, message: str = "a change", **files: str) -> str:
        """Commit the files given and whatever else is there; the new commit's hash."""
        self.write(**files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def clone(self, path: Path, *options: str) -> Repository:
        """A clone of it by URL, so that `--depth` holds."""
        self.git("clone", "--quiet", *options, self.path.as_uri(), str(path))
        return Repository(path)

    @property
    def state(self) -> tuple[str, ...]:
        """All of it that a check must leave alone: refs, HEAD, index, worktrees, and the files of git's own folder."""
        folder = self.path / self.git("rev-parse", "--git-dir")
        index = folder / "index"
        return (
            self.git("for-each-ref"), (folder / "HEAD").read_text(), index.read_bytes().hex() if index.exists() else "",
            self.git("worktree", "list", "--porcelain"), *sorted(str(path) for path in folder.rglob("*")),
            self.git("status", "--porcelain", GIT_OPTIONAL_LOCKS="0"),
        )  # fmt: skip


def branched(path: Path) -> Repository:
    """`main` with two commits and `feature`, checked out, with one more than the first of these."""
    repository = Repository.made(path)
    repository.commit("first", script__py="print('first')\n")
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit("feature", script__py="print('feature')\n")
    repository.git("checkout", "--quiet", "main")
    repository.commit("second", other__py="print('second')\n")
    repository.git("checkout", "--quiet", "feature")
    return repository
