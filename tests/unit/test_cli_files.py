from __future__ import annotations

import errno
from pathlib import Path

import pytest

from advisor.cli import files
from advisor.errors import ReportError


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def test_the_folder_is_made_and_the_file_is_whole(tmp_path: Path):
    path = tmp_path / "a" / "b" / "r.html"
    files.write(path, "grün\n")
    assert path.read_bytes() == "grün\n".encode()
    assert names(path.parent) == ["r.html"]


def test_a_report_has_the_rights_any_new_file_has(tmp_path: Path):
    files.write(tmp_path / "r.html", "")
    (tmp_path / "other").touch()
    assert (tmp_path / "r.html").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("step", ["write_text", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
):
    path = tmp_path / "r.html"
    path.write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Path, step, fail)
        with pytest.raises((ReportError, KeyboardInterrupt)):
            files.write(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["r.html"]


def test_a_file_where_the_folder_should_be_is_a_report_error(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="cannot be written"):
        files.check_writable(tmp_path / "file" / "r.html")
    with pytest.raises(ReportError, match="was not written"):
        files.write(tmp_path / "file" / "r.html", "")


def test_the_check_makes_nothing(tmp_path: Path):
    files.check_writable(tmp_path / "not" / "yet" / "r.html")
    assert names(tmp_path) == []


def test_a_folder_that_refuses_new_files_is_a_report_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files.tempfile, "NamedTemporaryFile", refuse)
    with pytest.raises(ReportError) as caught:
        files.check_writable(tmp_path / "r.html")
    assert "Permission denied" in str(caught.value)
    assert "--output" in caught.value.cure
