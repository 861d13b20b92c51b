"""Choosing and checking the interpreter that runs the script."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from advisor.errors import InterpreterError
from advisor.model.target import OWN_INTERPRETER
from advisor.observe.interpreter import choose_interpreter, folder_beside, probe


def pretender(folder: Path, answer: str) -> str:
    """A program that answers the probe with `answer`."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\ncat <<'END'\nnoise of a start-up file\n{answer}\nEND\n")
    program.chmod(0o755)
    return str(program)


def answer(version: str, implementation: str = "CPython") -> str:
    return (
        f'{{"version": {version}, "implementation": "{implementation}", "gil": false, "prefix": "/e", '
        '"base_prefix": "/b", "library_folders": ["/b/lib"], "line_profiler": false, "can_fork": true}'
    )


def test_our_own_interpreter_can_host_a_run():
    interpreter = choose_interpreter(environment={})
    assert interpreter.executable == sys.executable
    assert interpreter.version == sys.version_info[:3]
    assert any(os.path.realpath(os.__file__).startswith(folder) for folder in interpreter.library_folders)


def test_explicit_choice_wins_over_the_environment(tmp_path: Path):
    interpreter = choose_interpreter(pretender(tmp_path, answer("[3, 13, 1]")), {"VIRTUAL_ENV": sys.prefix})
    assert interpreter.version_text == "3.13.1"
    assert interpreter.is_virtual
    assert not interpreter.gil


def test_active_virtual_environment_is_the_default(tmp_path: Path):
    (tmp_path / "bin").mkdir()
    program = pretender(tmp_path / "bin", answer("[3, 12, 0]"))
    assert choose_interpreter(environment={"VIRTUAL_ENV": str(tmp_path)}).executable == program


def test_environment_that_has_gone_is_passed_over(tmp_path: Path):
    assert choose_interpreter(environment={"VIRTUAL_ENV": str(tmp_path)}).executable == sys.executable


def test_name_is_looked_up_on_the_path(tmp_path: Path):
    program = pretender(tmp_path, answer("[3, 11, 0]"))
    path = os.pathsep.join([str(tmp_path), os.defpath])
    assert choose_interpreter("python", {"PATH": path}).executable == program


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (answer("[3, 10, 4]"), "is Python 3.10.4"),
        (answer("[3, 11, 0]", "PyPy"), "is PyPy, not CPython"),
        ("hello", "does not answer as a Python interpreter"),
        ("[]", "does not answer as a Python interpreter"),
    ],
)
def test_interpreter_that_cannot_host_a_run_is_refused_with_a_cure(said: str, what: str, tmp_path: Path):
    with pytest.raises(InterpreterError, match=what) as caught:
        probe(pretender(tmp_path, said))
    assert "--python" in caught.value.cure


def test_missing_interpreter(tmp_path: Path):
    with pytest.raises(InterpreterError, match="no interpreter at"):
        choose_interpreter(str(tmp_path / "none"))


def test_folder_of_an_interpreter(tmp_path: Path):
    with pytest.raises(InterpreterError, match="is a folder") as caught:
        choose_interpreter(str(tmp_path))
    assert "bin/python" in caught.value.cure


def test_file_that_cannot_be_started(tmp_path: Path):
    program = tmp_path / "python"
    program.write_text("")
    with pytest.raises(InterpreterError, match="does not answer") as caught:
        choose_interpreter(str(program))
    assert "denied" in caught.value.why


def environment_of(folder: Path, version: str) -> str:
    """A pretended virtual environment of that version in `folder`; its program."""
    (folder / "bin").mkdir(parents=True)
    return pretender(folder / "bin", answer(version))


def test_environment_beside_the_script_is_taken_where_none_is_active(tmp_path: Path):
    beside = environment_of(tmp_path / ".venv", "[3, 12, 0]")
    chosen = choose_interpreter(environment={}, beside=tmp_path)
    assert (chosen.executable, chosen.why) == (beside, "of .venv beside the script")
    active = environment_of(tmp_path / "active", "[3, 13, 0]")
    chosen = choose_interpreter(environment={"VIRTUAL_ENV": str(tmp_path / "active")}, beside=tmp_path)
    assert (chosen.executable, chosen.why) == (active, "the active virtual environment's")
    chosen = choose_interpreter(sys.executable, {"VIRTUAL_ENV": str(tmp_path / "active")}, beside=tmp_path)
    assert (chosen.executable, chosen.why) == (sys.executable, "named with --python")


def test_environment_beside_the_script_that_is_broken_is_passed_over(tmp_path: Path):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(tmp_path / "gone")
    chosen = choose_interpreter(environment={}, beside=tmp_path)
    assert (chosen.executable, chosen.why) == (sys.executable, OWN_INTERPRETER)


def test_environment_beside_the_script_that_is_too_old_is_no_reason_to_take_another(tmp_path: Path):
    environment_of(tmp_path / ".venv", "[3, 9, 18]")
    with pytest.raises(InterpreterError, match=r"\.venv/bin/python is Python 3\.9\.18"):
        choose_interpreter(environment={}, beside=tmp_path)


def test_folder_beside_a_script_is_that_of_the_file_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.py").write_text("")
    (tmp_path / "link.py").symlink_to("real/a.py")
    monkeypatch.chdir(tmp_path)
    assert folder_beside("link.py") == tmp_path / "real"
    assert folder_beside("real") == tmp_path / "real"
    assert folder_beside(None) == tmp_path


def test_a_script_named_as_a_standard_module_does_not_hide_it_from_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("json", "platform", "site", "sysconfig", "random", "linecache"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the script, not the module')")
    monkeypatch.chdir(tmp_path)
    assert probe.__wrapped__(sys.executable).version == sys.version_info[:3]
