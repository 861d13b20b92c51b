"""`advise history`: what is kept is printed newest first and drawn, and a script that is not there is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import checked
import pytest
from click.testing import CliRunner, Result

from advisor.cli import history as cli
from advisor.errors import HistoryError
from advisor.history.store import History


@pytest.fixture
def file(tmp_path: Path) -> Path:
    kept = History(tmp_path / "history.sqlite3")
    for day in (1, 2, 3):
        head = replace(checked.RESULT.head, name=f"branch-{day}", dirty=False)
        kept.add(replace(checked.RESULT, created=f"2026-11-0{day}T10:00:00Z", head=head))
    return kept.path


def run(tmp_path: Path, *args: str) -> Result:
    return CliRunner().invoke(
        cli.history, ["--output", str(tmp_path / "reports"), *args], catch_exceptions=False, standalone_mode=False
    )


def test_a_script_s_checks_are_printed_newest_first_with_their_figures(file: Path, tmp_path: Path):
    done = run(tmp_path, "--file", str(file), checked.SLOWER.name)
    rows = [line for line in done.output.splitlines() if "branch-" in line]
    assert [row.split()[0] for row in rows] == ["2026-11-03", "2026-11-02", "2026-11-01"]
    assert "branch-3 (fedcba9876)  regression  1.10x (1.08-1.12)  550 ms ± 5.5 ms   31 MB" in rows[0]
    assert done.return_value == 0
    page = tmp_path / "reports" / "history.html"
    assert f"Trend: {page}" in done.output
    assert "branch-3" in page.read_text()


def test_all_scripts_are_shown_and_those_not_measured_have_no_figures(file: Path, tmp_path: Path):
    done = run(tmp_path, "--file", str(file), "--limit", "1")
    assert all(script.name in done.output for script in checked.RESULT.scripts)
    row = next(line for line in done.output.splitlines() if "could-not-measure" in line)
    assert row.split()[-3:] == ["-", "-", "-"]
    assert "branch-2" not in done.output


def test_two_machines_are_two_tables_and_what_differs_is_said(file: Path, tmp_path: Path):
    other = replace(checked.FINGERPRINT, python="CPython 3.12.1")
    History(file).add(replace(checked.RESULT, fingerprint=other))
    done = run(tmp_path, "--file", str(file), checked.PASS.name)
    assert done.output.count("checked (UTC)") == 2
    assert "  another Python: CPython 3.11.7 then, CPython 3.12.1 now\n" in done.output


def test_a_script_that_was_never_checked_is_told_with_those_that_were(file: Path, tmp_path: Path):
    with pytest.raises(HistoryError, match=r"no check of other\.py") as caught:
        run(tmp_path, "--file", str(file), "other.py")
    assert checked.PASS.name in caught.value.why
    assert not (tmp_path / "reports").exists()


def test_a_long_history_is_cut_on_the_screen_and_whole_in_the_page(tmp_path: Path):
    kept = History(tmp_path / "history.sqlite3")
    for minute in range(cli.SHOWN_ROWS + 5):
        kept.add(replace(checked.CLEAN, scripts=(checked.PASS,), created=f"2026-11-01T10:{minute:02}:00Z"))
    done = run(tmp_path, "--file", str(kept.path))
    assert "5 earlier in the page" in done.output
    assert "10:04" not in done.output
    assert "2026-11-01T10:00:00Z" in (tmp_path / "reports" / "history.html").read_text()


def test_control_characters_of_a_name_do_not_reach_the_terminal(tmp_path: Path):
    kept = History(tmp_path / "history.sqlite3")
    kept.add(replace(checked.CLEAN, scripts=(replace(checked.PASS, name="a\x1b[2Jb.py"),)))
    done = run(tmp_path, "--file", str(kept.path))
    assert "\x1b" not in done.output
    assert r"a\x1b[2Jb.py" in done.output


def test_the_history_lies_beside_the_nearest_pyproject(tmp_path: Path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text("")
    assert cli.default_file(inner) == tmp_path / "a" / ".advise" / "history.sqlite3"
