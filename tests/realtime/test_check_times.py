"""`advise check` on scripts that take a few per cent longer; they sleep, so that the machine's load counts little."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from checking import Checks, changed
from repositories import plain_git  # noqa: F401  # a fixture of every test here

pytestmark = pytest.mark.realtime


@pytest.fixture
def checks(tmp_path: Path, environment: dict[str, str]) -> Checks:
    return Checks(tmp_path, environment)


def paced(seconds: float) -> str:
    return f"import time\ntime.sleep({seconds})\n"


@dataclass(frozen=True, slots=True)
class Case:
    """What head takes beside `base_s`, and what is to be said of it; a quiet machine needs a part of the budget."""

    base_s: float
    slower: float
    threshold: str
    budget_s: str
    outcome: str


@pytest.mark.parametrize(
    "case",
    [
        Case(0.2, 0.50, "3", "30", "regression"),
        Case(0.3, 0.10, "3", "30", "regression"),
        Case(0.5, 0.05, "2", "60", "regression"),
        Case(0.3, 0.03, "10", "15", "pass"),
        Case(0.3, -0.20, "5", "30", "improvement"),
    ],
    ids=lambda case: f"{case.slower:+.0%} at {case.threshold}%",
)
def test_a_change_counts_from_the_threshold_on(checks: Checks, tmp_path: Path, case: Case) -> None:
    base, head = paced(case.base_s), paced(case.base_s * (1 + case.slower))
    repository = changed(tmp_path / "repo", {"script.py": base}, {"script.py": head})
    done = checks.check(repository, "--threshold", case.threshold, "--budget", case.budget_s, "script.py")
    assert done.outcome == case.outcome, done.ended.out
    assert done.code == (3 if case.outcome == "regression" else 0)
