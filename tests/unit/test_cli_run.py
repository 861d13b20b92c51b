"""The command line as a table, with the pipeline faked; what is written, printed and returned."""

from __future__ import annotations

import errno
import io
import json
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import builders
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor import pipeline
from advisor.cli import main, output
from advisor.cli.run import options_of, run
from advisor.errors import TargetError
from advisor.model.target import Target
from advisor.report import repeat

if TYPE_CHECKING:
    from advisor.model.advice import Advice
    from advisor.model.target import Replay
    from advisor.pipeline import AdviseOptions, Progress


class FakePipeline:
    """Keeps the options it is called with and gives a prepared advice, or raises a prepared error."""

    def __init__(self) -> None:
        self.result: Advice | BaseException = builders.wait_bound()
        self.calls: list[AdviseOptions] = []

    def __call__(self, options: AdviseOptions, progress: Progress) -> Advice:
        progress.step("observe", None)
        self.calls.append(options)
        if isinstance(self.result, BaseException):
            raise self.result
        asked = {"script": options.script, "module": options.module}
        return replace(self.result, target=replace(self.result.target, **asked))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakePipeline:
    fake = FakePipeline()
    monkeypatch.setattr(pipeline, "advise", fake)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("ADVISE_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    return fake


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["s.py"], {"script": "s.py"}),
        (["s.py", "--quiet", "-m", "x"], {"script": "s.py", "argv": ("--quiet", "-m", "x")}),
        (["s.py", "--", "-h"], {"script": "s.py", "argv": ("--", "-h")}),
        (["--", "s.py", "-h"], {"script": "s.py", "argv": ("-h",)}),
        (["-m", "pkg.mod"], {"module": "pkg.mod"}),
        (["-m", "pkg.mod", "--quiet", "x", "--", "-h"], {"module": "pkg.mod", "argv": ("--quiet", "x", "--", "-h")}),
        (["-mpkg.mod", "-h"], {"module": "pkg.mod", "argv": ("-h",)}),
        (["--only", "-m", "s.py"], {"script": "s.py", "only": "-m"}),
        (["--quiet", "-m", "m", "a"], {"module": "m", "argv": ("a",)}),
        (["--budget", "12.5", "s.py"], {"script": "s.py", "budget_s": 12.5}),
        (["--budget=3", "-m", "m"], {"module": "m", "budget_s": 3.0}),
        (["--max-threads", "8", "--max-processes", "2", "s.py"],
         {"script": "s.py", "max_threads": 8, "max_processes": 2}),
        (["--python", "/usr/bin/python3", "s.py"], {"script": "s.py", "python": "/usr/bin/python3"}),
        (["--only", "fetch", "s.py"], {"script": "s.py", "only": "fetch"}),
        (["s.py"], {"script": "s.py", "replay_effects": "safe"}),
        (["--replay-effects", "s.py"], {"script": "s.py", "replay_effects": "all"}),
        (["--replay-effects", "none", "s.py"], {"script": "s.py", "replay_effects": "none"}),
        (["--replay-effects", "-m", "m"], {"module": "m", "replay_effects": "all"}),
        (["-m", "m", "--replay-effects"], {"module": "m", "argv": ("--replay-effects",)}),
        (["--replay-effects=none", "s.py"], {"script": "s.py", "replay_effects": "none"}),
        (["s.py", "--replay-effects"], {"script": "s.py", "argv": ("--replay-effects",), "replay_effects": "safe"}),
        (["--only", "--replay-effects", "s.py"], {"script": "s.py", "only": "--replay-effects"}),
        (["./doctor"], {"script": "./doctor"}),
        (["--quiet", "doctor"], {"script": "doctor"}),
        (["s.py", ""], {"script": "s.py", "argv": ("",)}),
    ],
)  # fmt: skip
def test_arguments_become_options(fake: FakePipeline, argv: list[str], expected: dict[str, object]):
    assert main(argv) == 0
    assert fake.calls == [pipeline.AdviseOptions(**expected)]  # type: ignore[arg-type]


@given(
    budget_s=st.none() | st.floats(min_value=1e-6, max_value=1e6),
    threads=st.none() | st.integers(min_value=1, max_value=99),
    only=st.none() | st.text(alphabet="ab_- '\"$", min_size=1),
    effects=st.sampled_from(["none", "safe", "all"]),
)
def test_the_command_to_repeat_a_run_gives_the_same_options(
    budget_s: float | None, threads: int | None, only: str | None, effects: Replay
):
    options = pipeline.AdviseOptions(
        script="s.py", argv=("-x", "a b"), budget_s=budget_s, max_threads=threads, only=only, replay_effects=effects
    )
    words = shlex.split(repeat.command(Target(python="python3", script="s.py", argv=options.argv), options.settings))
    given = run.make_context("advise", words[1:]).params
    assert options_of(given) == options  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "argv",
    [[], ["--nonsense", "s.py"], ["-m"], ["--budget", "0", "s.py"], ["--budget", "much", "s.py"],
     ["--max-threads", "0", "s.py"], ["--max-processes", "-1", "s.py"], ["explain", "ADV999"], ["doctor", "extra"]],
)  # fmt: skip
def test_bad_usage_exits_2_before_any_run(fake: FakePipeline, argv: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(argv) == 2
    assert fake.calls == []
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "code"),
    [("wait_bound", 0), ("predicted", 0), ("serial_stays", 0), ("pool_change", 0), ("script_failed", 4),
     ("inconclusive", 5), ("nothing_hot", 5), ("interrupted", 130)],
)  # fmt: skip
def test_each_answer_has_its_exit_code_and_is_written(fake: FakePipeline, kind: str, code: int):
    fake.result = builders.KINDS[kind]()
    assert main(["--json", "a.json", "scraper.py"]) == code
    assert fake.result.verdict in json.loads(Path("a.json").read_text())["verdict"]
    assert Path("reports/scraper.html").exists()


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["x/y.z.py"], "y.z.html"), (["-m", "pkg.mod"], "pkg.mod.html"), (["-m", "../up"], "up.html"),
        (["index.py"], "index-script.html"), (["-m", "check"], "check-script.html"),
    ],
)  # fmt: skip
def test_the_report_is_named_after_the_target(fake: FakePipeline, argv: list[str], name: str):
    main(["--output", "out", *argv])
    assert fake.calls
    assert {each.name for each in Path("out").iterdir()} == {name, "index.html"}


def test_the_advice_is_on_standard_output_below_a_rule(fake: FakePipeline, capsys: pytest.CaptureFixture[str]):
    main(["--quiet", "scraper.py"])
    printed = capsys.readouterr()
    assert printed.out.startswith("---- advise ")
    assert "Run `fetch` (scraper.py:12) on 16 threads" in printed.out
    assert f"Report: {Path('reports/scraper.html')}" in printed.out
    assert printed.err == ""
    assert fake.calls


def test_progress_is_on_standard_error(fake: FakePipeline, capsys: pytest.CaptureFixture[str]):
    main(["scraper.py"])
    assert capsys.readouterr().err.startswith("advise 1/4 observe")
    assert fake.calls


def test_an_error_of_ours_is_one_message_without_traceback(fake: FakePipeline, capsys: pytest.CaptureFixture[str]):
    fake.result = TargetError("no such file: s.py", cure="check the path")
    assert main(["--quiet", "s.py"]) == 2
    assert capsys.readouterr().err == "advise: no such file: s.py\n  do: check the path\n"


def test_ctrl_c_exits_130(fake: FakePipeline, capsys: pytest.CaptureFixture[str]):
    fake.result = KeyboardInterrupt()
    assert main(["--quiet", "s.py"]) == 130
    assert capsys.readouterr().err == "advise: interrupted\n"


def test_a_fault_of_ours_is_one_line_and_a_traceback_only_on_demand(
    fake: FakePipeline, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    fake.result = RuntimeError("odd\x1b[2J")
    assert main(["--quiet", "s.py"]) == 1
    plain = capsys.readouterr().err
    assert "RuntimeError: odd\\x1b[2J" in plain
    assert "Traceback" not in plain
    monkeypatch.setenv("ADVISE_DEBUG", "1")
    assert main(["--quiet", "s.py"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--output", "file/below", "s.py"], ["--json", "file/a.json", "s.py"]])
def test_a_file_in_place_of_the_folder_is_refused_before_the_runs(fake: FakePipeline, argv: list[str]):
    Path("file").write_text("")
    assert main(argv) == 2
    assert fake.calls == []


def test_a_folder_in_place_of_the_file_is_refused_before_the_runs(fake: FakePipeline):
    Path("reports/s.html").mkdir(parents=True)
    assert main(["s.py"]) == 2
    assert fake.calls == []


def test_the_check_before_the_runs_leaves_nothing_for_the_script_to_see(fake: FakePipeline):
    fake.result = TargetError("stop here")
    main(["--json", "deep/er/a.json", "s.py"])
    assert fake.calls
    assert list(Path().iterdir()) == []


def test_a_full_disk_keeps_the_advice_on_the_screen_and_the_old_report(
    fake: FakePipeline, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    Path("reports").mkdir()
    Path("reports/scraper.html").write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(Path, "replace", full)
    assert main(["--quiet", "--json", "a.json", "scraper.py"]) == 2
    printed = capsys.readouterr()
    assert "Run `fetch`" in printed.out
    assert "No space left on device" in printed.err
    assert [each.read_text() for each in Path("reports").iterdir()] == ["old"]
    assert not list(Path().glob("*.json*"))
    assert fake.calls


class Broken(io.StringIO):
    """A standard output that fails on every write."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, _: str) -> int:
        raise OSError(self._number, os.strerror(self._number))


@pytest.fixture
def discarded(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    seen: list[bool] = []
    monkeypatch.setattr(output, "_discard_stdout", lambda: seen.append(True))
    return seen


@pytest.mark.parametrize(("number", "code"), [(errno.EPIPE, 0), (errno.ENOSPC, 2)])
def test_the_report_is_written_though_nobody_reads_standard_output(
    fake: FakePipeline, discarded: list[bool], monkeypatch: pytest.MonkeyPatch, number: int, code: int
):
    monkeypatch.setattr(sys, "stdout", Broken(number))
    assert main(["--quiet", "scraper.py"]) == code
    assert Path("reports/scraper.html").exists()
    assert discarded
    assert fake.calls


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_any_encoding_of_standard_output_will_do(fake: FakePipeline, monkeypatch: pytest.MonkeyPatch, encoding: str):
    fake.result = builders.hostile()
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding=encoding))
    assert main(["--quiet", "scraper.py"]) == 4
    assert b"onerror" in buffer.getvalue()


@pytest.mark.parametrize(
    "argv",
    [["-h"], ["--help"], ["doctor", "-h"], ["check", "-h"], ["history", "-h"], ["explain", "--help"], ["--version"]],
)
def test_help_and_version_exit_0_on_standard_output(argv: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(argv) == 0
    shown = capsys.readouterr().out
    assert "advise" in shown
    assert "\\b" not in shown
