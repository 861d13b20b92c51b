"""Both arms of a check on one file system, wherever temporary files go: fsync(2) costs nothing in memory."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from checking import Checks, changed
from repositories import plain_git  # noqa: F401  # a fixture of every test here

from advisor.pipeline.check import on_one_disk

MEMORY = Path("/dev/shm")  # a file system of its own is what is wanted
DIFFERS = "import os, sys\nsys.exit(os.stat('.').st_dev != os.stat(os.environ['REPOSITORY']).st_dev)\n"

pytestmark = pytest.mark.skipif(not MEMORY.is_dir(), reason="no file system in memory here")


def test_base_is_laid_out_on_the_disk_of_head(tmp_path: Path, environment: dict[str, str]):
    if MEMORY.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("temporary files of tests are in memory as well")
    repository = changed(tmp_path / "repo", {"script.py": DIFFERS}, {"other.txt": ""})
    variables = {"TMPDIR": str(MEMORY), "REPOSITORY": str(repository.path)}
    done = Checks(tmp_path, environment).check(repository, "--threshold", "100", "script.py", **variables)
    assert done.outcome in {"pass", "inconclusive"}, done.ended.out
    assert not list(tmp_path.glob("advise-*"))


def test_the_usual_folder_is_used_where_it_is_on_the_disk_of_the_repository(tmp_path: Path):
    same = Path(tempfile.gettempdir()).stat().st_dev == tmp_path.stat().st_dev
    assert (on_one_disk(tmp_path) is None) == same
