"""Choosing and checking the interpreter that runs the script."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from advisor.errors import InterpreterError
from advisor.observe.interpreter import choose_interpreter, probe


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
