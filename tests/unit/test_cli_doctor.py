from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import builders
import pytest

from advisor.cli import access, checks, doctor, main
from advisor.errors import InterpreterError
from advisor.observe import interpreter, noise
from advisor.observe.cgroup import Limits
from advisor.report import codes

if TYPE_CHECKING:
    from pathlib import Path

LINUX = pytest.mark.skipif("sys.platform != 'linux'")


def test_a_machine_with_all_it_needs_has_no_cure():
    found = list(checks.machine_checks(builders.MACHINE))
    assert {check.status for check in found} == {"ok"}
    assert "Nothing to do" in doctor.table(found)


def test_one_core_and_little_memory_come_with_a_cure():
    small = replace(builders.MACHINE, usable_cpus=1.0, available_bytes=1000)
    found = {check.name: check for check in checks.machine_checks(small)}
    assert found["cores"].status == found["memory"].status == "warning"
    assert "--max-processes" in doctor.table(found.values())


@LINUX
@pytest.mark.parametrize(("scope", "cure"), [("0", "own user"), ("2", "sysctl"), ("3", "sysctl")])
def test_the_ptrace_cure_fits_the_yama_scope(tmp_path: Path, scope: str, cure: str):
    yama = tmp_path / "ptrace_scope"
    yama.write_text(f"{scope}\n")
    assert cure in access.ptrace_cure(yama, marks=())


@LINUX
def test_the_ptrace_cure_in_a_container_is_its_capability(tmp_path: Path):
    assert "SYS_PTRACE" in access.ptrace_cure(tmp_path / "none", marks=(tmp_path,))


def test_no_pyspy_is_a_warning_with_its_cure():
    assert access.tracing(None).cure == "pip install py-spy"


def test_a_pyspy_that_refuses_is_quoted(tmp_path: Path):
    refusing = tmp_path / "py-spy"
    refusing.write_text("#!/bin/sh\necho 'Permission Denied: try sudo' >&2\nexit 1\n")
    refusing.chmod(0o755)
    found = access.tracing(str(refusing))
    assert found.status == "warning"
    assert "Permission Denied: try sudo" in found.found


def test_a_busy_machine_is_told():
    assert checks.load(2, lambda: (0.4, 0, 0)).status == "ok"
    assert checks.load(2, lambda: (3.0, 0, 0)).status == "warning"


def test_limits_of_the_control_group_are_named():
    found = list(checks.machine_checks(builders.MACHINE, Limits(cpus=1.5, memory_bytes=2_000_000_000)))
    assert "quota 1.5" in found[0].found
    assert "limit 2.0 GB" in found[1].found


@pytest.mark.parametrize(("scope", "status"), [("0", "ok"), ("1", "ok"), ("2", "warning"), ("3", "warning")])
def test_the_yama_scope_is_named(tmp_path: Path, scope: str, status: str):
    yama = tmp_path / "ptrace_scope"
    yama.write_text(scope)
    assert [(check.status, check.found[0]) for check in access.ptrace_scope(yama)] == [(status, scope)]
    assert list(access.ptrace_scope(tmp_path / "none")) == []


def test_waits_that_cannot_be_read_come_with_a_cure(tmp_path: Path):
    assert access.waits(proc=tmp_path).cure


def test_a_folder_for_reports_that_cannot_be_written_comes_with_a_cure(tmp_path: Path):
    assert access.reports(tmp_path / "new").status == "ok"
    (tmp_path / "file").write_text("")
    assert "--output" in access.reports(tmp_path / "file").cure


def test_identical_arms_that_differ_are_told():
    lengths = [1.0, 1.07, 1.07, 1.0] * (noise.TURNS // 4)
    readings = (reading for length in lengths for reading in (0.0, length))
    found = checks.noise(noise.measure(readings.__next__))
    assert found.status == "warning"
    assert "false difference 7%" in found.found


@pytest.mark.parametrize(("slow_turns", "status"), [(2, "ok"), (10, "warning")])
def test_noise_is_told_from_quiet(slow_turns: int, status: str):
    lengths = [2.0] * slow_turns + [1.0] * (noise.TURNS - slow_turns)
    readings = (reading for length in lengths for reading in (0.0, length))
    assert checks.noise(noise.measure(readings.__next__)).status == status


def test_an_interpreter_that_cannot_host_a_run_exits_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def refuse(_: str | None, **_options: object) -> None:
        raise InterpreterError("/x is Python 2.7", cure="choose a newer one")

    monkeypatch.setattr(interpreter, "choose_interpreter", refuse)
    monkeypatch.setattr(access, "tracing", lambda _: checks.Check(name="py-spy", status="ok", found=""))
    monkeypatch.setattr(checks, "noise", lambda _: checks.Check(name="noise", status="ok", found=""))
    assert main(["doctor"]) == 2
    assert "choose a newer one" in capsys.readouterr().out


def test_every_finding_is_explained(capsys: pytest.CaptureFixture[str]):
    assert main(["explain"]) == 0
    listed = capsys.readouterr().out
    for code, page in codes.pages().items():
        assert code in listed
        assert main(["explain", code.lower()]) == 0
        assert capsys.readouterr().out.startswith(f"{code}: {page.title}\n")
