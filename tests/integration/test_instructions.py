"""Instructions as a second witness: counted where `perf` can, passed over where it cannot."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.observe import instructions
from advisor.observe.plain import Command, Timer

COUNTED = "# started on Thu\n\n1234567,,instructions:u,1000000,100.00,,\n"
REFUSED = "<not supported>,,instructions:u,0,100.00,,\n"


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    instructions.perf.cache_clear()
    yield
    instructions.perf.cache_clear()


def fake_perf(folder: Path, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    """A `perf stat` that writes `output` where -o says, and runs the command."""
    program = folder / "perf"
    program.write_text(
        f"#!{sys.executable}\n"
        "import subprocess, sys\n"
        "at = sys.argv.index('-o')\n"
        f"open(sys.argv[at + 1], 'w').write({output!r})\n"
        "sys.exit(subprocess.run(sys.argv[sys.argv.index('--') + 1:]).returncode)\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def command(folder: Path, source: str) -> Command:
    return Command(argv=(sys.executable, "-c", source), cwd=str(folder))


def test_a_count_of_the_script_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_perf(tmp_path, monkeypatch, COUNTED)
    with Timer() as timer:
        found = instructions.counted_instructions(timer, command(tmp_path, "open('ran', 'w')"), timeout_s=30)
    assert found == 1234567.0
    assert (tmp_path / "ran").exists()


def test_where_the_processor_does_not_count_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_perf(tmp_path, monkeypatch, REFUSED)
    with Timer() as timer:
        assert instructions.counted_instructions(timer, command(tmp_path, "open('ran', 'w')"), timeout_s=30) is None
    assert not (tmp_path / "ran").exists()


def test_without_perf_there_is_no_second_witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert instructions.perf() is None


def test_a_script_that_fails_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_perf(tmp_path, monkeypatch, COUNTED)
    with Timer() as timer:
        assert instructions.counted_instructions(timer, command(tmp_path, "1 / 0"), timeout_s=30) is None
