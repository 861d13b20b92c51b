"""`advise` answers every sample workload as its header says: class, backend and range, never seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sample_header import Expectation, read_header, samples

TIMEOUT_S = 240
"""Two runs of up to 5 s, trials of up to 60 s, on a machine that is busy with other things."""
EXIT_ADVICE = 0
EXIT_INCONCLUSIVE = 5
BUDGET_S = "15"
"""Half as much again as the default: the machines these tests run on are shared, and more repeats settle more."""
SAYS_SO = 500
"""Characters of output that are shown with a failure."""

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(TIMEOUT_S + 30)]


@pytest.mark.parametrize("sample", samples(), ids=lambda path: path.stem)
def test_the_advice_is_what_the_header_says(sample: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    expected = read_header(sample)
    advice = _advise(sample, tmp_path, environment)
    site = _verdict_site(advice)
    answer = _answer(site)
    assert site["callee"].rpartition(".")[2] == expected.function, answer
    assert site["bound"] in expected.bound, answer
    assert site["detail"] in expected.detail, answer
    if not site["recommendation"]["decided"]:
        pytest.skip(f"this machine is too noisy now to settle the balance: {site['recommendation']['reason']}")
    assert site["recommendation"]["backend"] in expected.backend, answer
    assert expected.allows_workers(_workers(site["recommendation"]), advice["machine"]["usable_cpus"]), answer
    assert site["recommendation"]["measured"] is expected.measured, answer
    _check_remarks(site, expected)


def _advise(sample: Path, folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """The advice file of `advise SAMPLE`, which must give advice or say that it cannot tell."""
    advice_file = folder / "advice.json"
    options = ["--quiet", "--budget", BUDGET_S, "--json", str(advice_file), "--output", str(folder)]
    ended = subprocess.run(
        [sys.executable, "-m", "advisor", *options, str(sample)],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    said = (ended.stderr or ended.stdout)[-SAYS_SO:]
    assert ended.returncode in {EXIT_ADVICE, EXIT_INCONCLUSIVE}, f"exit code {ended.returncode}: {said}"
    advice: dict[str, Any] = json.loads(advice_file.read_text(encoding="utf-8"))
    assert advice["schema"] == "advice/1"
    return advice


def _verdict_site(advice: dict[str, Any]) -> dict[str, Any]:
    """The site the verdict speaks of."""
    assert advice["recommendation"] is not None, advice["findings"]
    [site] = [site for site in advice["sites"] if site["id"] == advice["recommendation"]["site"]]
    return dict(site)


def _check_remarks(site: dict[str, Any], expected: Expectation) -> None:
    """The site's status and findings, where the header promises any."""
    if expected.safety:
        assert site["safety"]["status"] in expected.safety, site["safety"]
    missing = expected.findings - {finding["code"] for finding in site["findings"]}
    assert not missing, site["findings"]


def _workers(recommendation: dict[str, Any]) -> int:
    return int(recommendation["processes"] * recommendation["threads_per_process"])


def _answer(site: dict[str, Any]) -> str:
    """What a failing test shows: the answer in short, with its trials."""
    figures = ("backend", "processes", "threads_per_process", "chunk", "wall_s", "outcome")
    trials = [tuple(trial[figure] for figure in figures) for trial in site["trials"]]
    kept = {key: site[key] for key in ("callee", "bound", "detail", "evidence", "safety", "recommendation")}
    return json.dumps(kept, indent=1) + "\n" + "\n".join(map(str, trials))
