"""What other repositories use of this one: the composite action and the hook of pre-commit."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisor.cli import VERBS

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github/actions/advise-check/action.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
FAKE_ADVISE = """#!/usr/bin/env bash
printf '%s\\0' "$@" > "$FAKE_ARGS"
while [[ "$1" != --json ]]; do shift; done
if [[ -n "${FAKE_OUTCOME:-}" ]]; then printf '{"outcome": "%s"}' "$FAKE_OUTCOME" > "$2"; fi
exit "$FAKE_CODE"
"""


def action() -> dict[str, Any]:
    """The action as GitHub reads it."""
    return dict(yaml.safe_load(ACTION.read_text(encoding="utf-8")))


def step(name: str) -> dict[str, Any]:
    """The step of that name."""
    return next(each for each in action()["runs"]["steps"] if each["name"] == name)


def options() -> set[str]:
    """The options of `advise check`."""
    return {name for each in VERBS["check"].params for name in (*each.opts, *each.secondary_opts)}


def test_no_input_is_pasted_into_a_shell_script():
    scripts = [each["run"] for each in action()["runs"]["steps"] if "run" in each]
    assert len(scripts) == 2
    assert not [script for script in scripts if "${{" in script]


def test_every_input_is_used_and_every_one_used_is_declared():
    text = ACTION.read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(action()["inputs"])


def test_every_variable_of_a_script_is_given_to_it():
    for each in action()["runs"]["steps"]:
        assert set(re.findall(r"ADVISE_\w+", each.get("run", ""))) == set(each.get("env", {}))


def test_the_action_installs_the_advisor_it_came_with():
    source = step("Install advisor")["env"]["ADVISE_SOURCE"]
    assert source.startswith("${{ github.action_path }}")
    assert (ACTION.parent / source.removeprefix("${{ github.action_path }}/") / "pyproject.toml").resolve().is_file()


def test_the_options_that_the_action_and_the_hook_give_exist():
    (hook,) = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))
    given = re.findall(r"(?<![\w-])--[a-z][a-z-]*", step("Check")["run"])
    assert {"--github", "--json"} <= set(given)
    assert set(given) <= options()
    assert {word for word in shlex.split(hook["entry"]) if word.startswith("--")} <= options()


def test_the_hook_runs_the_installed_program_before_a_push_without_file_names():
    (hook,) = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))
    assert shlex.split(hook["entry"])[:2] == ["advise", "check"]
    assert (hook["language"], hook["stages"], hook["pass_filenames"]) == ("python", ["pre-push"], False)


class Job:
    """A job of which the step `Check` is run, with a program in the place of `advise`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work tree"
        self.output = folder / "output"
        programs = folder / "venv" / "bin"
        for each in (self.work, programs):
            each.mkdir(parents=True)
        (programs / "python").symlink_to(sys.executable)
        (programs / "advise").write_text(FAKE_ADVISE, encoding="utf-8")
        (programs / "advise").chmod(0o755)

    def run(self, *, code: int = 0, outcome: str = "pass", **inputs: str) -> int:
        """Exit code of the step, with `inputs` in the place of the defaults."""
        values = {name: str(each["default"]) for name, each in action()["inputs"].items()}
        values |= {"python": sys.executable} | {name.replace("_", "-"): value for name, value in inputs.items()}
        env = {name: _resolved(text, values, self.folder) for name, text in step("Check")["env"].items()}
        env |= {"FAKE_ARGS": str(self.folder / "args"), "FAKE_CODE": str(code), "FAKE_OUTCOME": outcome}
        env |= {"GITHUB_OUTPUT": str(self.output), "PATH": os.environ["PATH"], "ADVISE_VENV": str(self.folder / "venv")}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step("Check")["run"]]
        return subprocess.run(command, cwd=self.work, env=env, check=False, timeout=60).returncode

    @property
    def words(self) -> list[str]:
        """What the program was called with."""
        return (self.folder / "args").read_text(encoding="utf-8").split("\0")[:-1]

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs that the step has set."""
        return dict(line.split("=", 1) for line in self.output.read_text(encoding="utf-8").splitlines())


def _resolved(text: str, values: dict[str, str], folder: Path) -> str:
    for name, value in values.items():
        text = text.replace(f"${{{{ inputs.{name} }}}}", value)
    return text.replace("${{ runner.temp }}", str(folder))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_scripts_and_words_reach_the_program_one_a_line(job: Job):
    assert job.run(scripts="jobs/a b.py\r\n\nc.py\n", args="--budget\n30", against="origin/main") == 0
    assert job.words[0] == "check"
    at = job.words.index("--against")
    assert job.words[at:] == ["--against", "origin/main", "--budget", "30", "--", "jobs/a b.py", "c.py"]


def test_nothing_of_an_input_is_run(job: Job):
    hostile = "$(touch pwned); `touch pwned` && touch pwned; \"'*"
    assert job.run(scripts=hostile, args=hostile, against=hostile, report_dir="out $(touch pwned)") == 0
    assert job.words.count(hostile) == 3
    assert not list(job.folder.rglob("pwned"))


@pytest.mark.parametrize(
    ("code", "strict", "exits"), [(0, "false", 0), (3, "false", 3), (5, "false", 0), (5, "true", 5), (2, "false", 2)]
)
def test_a_regression_fails_the_job_and_an_open_answer_only_where_asked(job: Job, code: int, strict: str, exits: int):
    assert job.run(code=code, fail_on_inconclusive=strict) == exits


def test_outputs_tell_the_outcome_and_the_folder(job: Job):
    job.run(code=3, outcome="regression", report_dir="my reports")
    assert job.outputs == {"outcome": "regression", "report-dir": str(job.work / "my reports")}


def test_a_line_break_in_the_folders_name_sets_no_further_output(job: Job):
    job.run(report_dir="x\noutcome=improvement")
    assert job.outputs["outcome"] == "pass"


def test_no_result_is_never_taken_for_a_pass(job: Job, capfd: pytest.CaptureFixture[str]):
    stale = job.work / "advise-reports" / "check.json"
    stale.parent.mkdir()
    stale.write_text(json.dumps({"outcome": "pass"}), encoding="utf-8")
    job.run(code=5, outcome="")
    assert job.outputs["outcome"] == "could-not-measure"
    assert "::warning title=advise check::nothing was compared (exit code 5)" in capfd.readouterr().out


def test_a_missing_interpreter_is_a_fault_of_use(job: Job):
    assert job.run(python="no-such-python") == 2
