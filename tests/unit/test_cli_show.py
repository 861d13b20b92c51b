"""`advise show` writes what the run wrote; the index knows every report of the folder and harms none."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import builders
import checked
import hostile_check
import pytest
from test_report_reading import PROFILE

from advisor import pipeline
from advisor.cli import files, index, main
from advisor.model.advice import Finding
from advisor.model.profile import SourceText
from advisor.model.site import Safety
from advisor.report import html, json
from advisor.report.check import html as check_html
from advisor.report.check import json as check_json
from advisor.report.check import terminal as check_terminal

if TYPE_CHECKING:
    from advisor.model.advice import Advice
    from advisor.model.check import CheckResult

SECRET = "password = 'hunter2'"


def with_source() -> Advice:
    advice = builders.wait_bound()
    entry = advice.sites[0]
    line = replace(entry.site.lines[0], text=SECRET)
    reason = f"whether there is a next turn, `while {SECRET}`, is not known before the turn of `fetch` has ended"
    safety = Safety(status="dependent", reasons=(reason,))
    found = Finding(code="ADV301", severity="info", message=reason, evidence={"why": [reason]})
    entry = replace(
        entry, site=replace(entry.site, lines=(line,), safety=safety), snippet=f"{SECRET}\n", findings=(found,)
    )
    sources = (SourceText(file="/u/a.py", first=1, lines=(SECRET,)),)
    return replace(advice, sites=(entry, *advice.sites[1:]), profile=replace(PROFILE, sources=sources))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder in which `advise` gives a prepared advice on whatever it is asked about."""

    def advise(options: pipeline.AdviseOptions, _progress: object) -> Advice:
        found = with_source()
        return replace(found, target=replace(found.target, script=options.script, module=options.module))

    monkeypatch.setattr(pipeline, "advise", advise)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: str) -> set[str]:
    return {each.name for each in Path(folder).iterdir()}


def index_of(folder: str) -> str:
    return (Path(folder) / index.FILE).read_text()


# advise show


@pytest.mark.usefixtures("run")
def test_what_is_shown_again_is_what_the_run_wrote(capsys: pytest.CaptureFixture[str]):
    assert main(["--quiet", "--json", "a.json", "scraper.py"]) == 0
    told = capsys.readouterr().out.replace("Advice file: a.json\n", "")
    assert main(["show", "--output", "again", "a.json"]) == 0
    assert Path("again/scraper.html").read_bytes() == Path("reports/scraper.html").read_bytes()
    assert capsys.readouterr().out.replace("again/", "reports/") == told
    assert "scraper.py --pages 60" in index_of("again")


@pytest.mark.usefixtures("run")
def test_without_source_no_line_of_it_is_in_any_file(capsys: pytest.CaptureFixture[str]):
    assert main(["--quiet", "--json", "full.json", "scraper.py"]) == 0
    assert "hunter2" in Path("full.json").read_text()
    capsys.readouterr()
    assert main(["--quiet", "--no-source", "--output", "bare", "--json", "bare.json", "scraper.py"]) == 0
    assert main(["show", "--no-source", "--output", "shown", "full.json"]) == 0
    for file in ("bare.json", "bare/scraper.html", "shown/scraper.html"):
        text = Path(file).read_text()
        assert "hunter2" not in text
        assert "of `fetch` has ended" in text or "of <code>fetch</code> has ended" in text
    assert "hunter2" not in capsys.readouterr().out
    assert Path("bare/scraper.html").read_bytes() == Path("shown/scraper.html").read_bytes()


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("kind", ["script_failed", "inconclusive", "interrupted", "hostile"])
def test_a_file_that_can_be_shown_is_a_success_whatever_it_says(kind: str):
    Path("a.json").write_text(json.render(builders.KINDS[kind]()))
    assert main(["show", "a.json"]) == 0


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("result", [checked.RESULT, hostile_check.result(), replace(checked.RESULT, scripts=())])
def test_a_check_is_shown_again_too(
    result: CheckResult, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    Path("check.json").write_text(check_json.render(result))
    assert main(["show", "--output", "again", "check.json"]) == 0
    assert Path("again/check.html").read_text() == check_html.render(result)
    assert check_terminal.render(result, width=80) in capsys.readouterr().out
    assert 'href="./check.html"' in index_of("again")


@pytest.mark.usefixtures("run")
def test_a_damaged_check_is_told(capsys: pytest.CaptureFixture[str]):
    Path("check.json").write_text(check_json.render(checked.RESULT).replace('"threshold_share"', '"other"'))
    assert main(["show", "check.json"]) == 2
    assert "it has no 'threshold_share'" in capsys.readouterr().err
    assert not Path("reports").exists()


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not JSON"), (b"\xff\xfe", "not UTF-8"), (b"{}", "its schema is None"),
        (b'{"schema": "advice/1"}', "it has no 'script'"),
        (b'{"schema": "advice/1", "script": 1, "recommendation": 1}', "nested"),
        (json.render(builders.wait_bound()).encode()[:-9], "not JSON"),
        (json.render(replace(builders.wait_bound(), target=replace(builders.TARGET, script="a\0b"))).encode(), "null"),
        (json.render(replace(builders.wait_bound(), target=replace(builders.TARGET, script="x" * 300))).encode(),
         "name too long"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_is_told_and_writes_nothing(data: bytes, said: str, capsys: pytest.CaptureFixture[str]):
    Path("a.json").write_bytes(data)
    assert main(["show", "a.json"]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "a fault in advise itself" not in told
    assert not Path("reports").exists() or names("reports") == set()


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("name", ["none.json", ".", "x" * 300])
def test_a_file_that_is_not_there_is_told(name: str, capsys: pytest.CaptureFixture[str]):
    assert main(["show", name]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.usefixtures("run")
def test_figures_that_make_no_sense_are_the_file_s_fault(capsys: pytest.CaptureFixture[str]):
    trials = tuple(replace(each, tasks=0) for each in builders.wait_bound().sites[0].trials)
    entry = replace(builders.wait_bound().sites[0], trials=trials)
    Path("a.json").write_text(json.render(replace(builders.wait_bound(), sites=(entry,))))
    assert main(["show", "a.json"]) == 2
    assert "its figures make no sense" in capsys.readouterr().err


@pytest.mark.usefixtures("run")
def test_evidence_without_a_bottom_is_the_file_s_fault(capsys: pytest.CaptureFixture[str]):
    finding = Finding(code="ADV201", severity="info", message="deep", evidence={"hole": "HOLE"})
    text = json.render(replace(builders.wait_bound(), findings=(finding,)))
    Path("a.json").write_text(text.replace('"HOLE"', "[" * 950 + "]" * 950))
    assert main(["show", "a.json"]) == 2
    assert "a fault in advise itself" not in capsys.readouterr().err


# The index


@pytest.mark.usefixtures("run")
def test_the_index_has_every_report_of_the_folder():
    assert main(["--quiet", "--output", "out", "scraper.py"]) == 0
    assert main(["--quiet", "--output", "out", "-m", "pkg.mod"]) == 0
    text = index_of("out")
    assert 'href="./scraper.html"' in text
    assert 'href="./pkg.mod.html"' in text


@pytest.mark.usefixtures("run")
def test_a_report_that_is_gone_leaves_the_index_at_the_next():
    main(["--quiet", "--output", "out", "scraper.py"])
    Path("out/scraper.html").unlink()
    main(["--quiet", "--output", "out", "other.py"])
    assert "scraper.html" not in index_of("out")


@pytest.mark.usefixtures("run")
def test_foreign_files_and_what_only_looks_like_one_are_passed_over(capsys: pytest.CaptureFixture[str]):
    folder = Path("out")
    folder.mkdir()
    (folder / "foreign.html").write_bytes(b"<html>\xff\xfe")
    (folder / "large.html").write_text(html.render(builders.wait_bound()) + " " * index.LARGEST_BYTES)
    (folder / "folder.html").mkdir()
    (folder / "gone.html").symlink_to("nowhere")
    (folder / "loop.html").symlink_to("loop.html")
    os.mkfifo(folder / "pipe.html")
    assert main(["--quiet", "--output", "out", "scraper.py"]) == 0
    assert index_of("out").count("href=") == 1
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("text", ["<html>my own page</html>", html.render(builders.wait_bound())])
def test_an_index_that_is_none_of_ours_is_left_alone(text: str):
    Path("out").mkdir()
    (Path("out") / index.FILE).write_text(text)
    assert main(["--quiet", "--output", "out", "scraper.py"]) == 0
    assert index_of("out") == text


@pytest.mark.usefixtures("run")
def test_a_folder_in_place_of_the_index_changes_nothing(capsys: pytest.CaptureFixture[str]):
    (Path("out") / index.FILE / "inside").mkdir(parents=True)
    assert main(["--quiet", "--output", "out", "scraper.py"]) == 0
    assert names("out") == {"scraper.html", index.FILE}
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("run")
def test_a_full_disk_is_told_and_changes_no_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    whole = files.write

    def full(path: Path, text: str) -> None:
        if path.name == index.FILE:
            raise files.ReportError("it was not written", why="No space left on device")
        whole(path, text)

    monkeypatch.setattr(files, "write", full)
    assert main(["--quiet", "--output", "out", "scraper.py"]) == 0
    assert "No space left on device" in capsys.readouterr().err


@pytest.mark.usefixtures("run")
def test_a_report_that_another_writes_meanwhile_is_not_lost(monkeypatch: pytest.MonkeyPatch):
    main(["--quiet", "--output", "out", "scraper.py"])
    whole, late = files.write, Path("out/late.html")

    def write(path: Path, text: str) -> None:
        if not late.exists():
            late.write_text(html.render(builders.predicted()))
        whole(path, text)

    monkeypatch.setattr(files, "write", write)
    index.rebuild(Path("out"))
    assert 'href="./late.html"' in index_of("out")
