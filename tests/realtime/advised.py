"""Run `advise` on a script written by a test, and read what it says."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from statistics import fmean
from typing import Any

BUDGET_S = "6"
TIMEOUT_S = 80
"""Two runs of about a second and trials of six, on a machine that is busy with other things."""


def advice_on(source: str, folder: Path, environment: dict[str, str], *, budget_s: str = BUDGET_S) -> dict[str, Any]:
    """The advice file of a script with this source; the script must print the same as it does alone."""
    script = folder / "shape.py"
    script.write_text(textwrap.dedent(source), encoding="utf-8")
    file = folder / "advice.json"
    options = ["--quiet", "--budget", budget_s, "--json", str(file), "--output", str(folder)]
    done = _run([sys.executable, "-m", "advisor", *options, str(script)], environment)
    alone = _run([sys.executable, str(script)], environment)
    assert done.stdout.splitlines()[: len(alone.stdout.splitlines())] == alone.stdout.splitlines()
    advice: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return advice


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S,
        check=False,
    )  # fmt: skip


def spoken_of(advice: dict[str, Any]) -> dict[str, Any]:
    """The site the verdict speaks of."""
    named = advice["recommendation"]["site"]
    assert named is not None, (advice["verdict"], [(site["callee"], site["share"]) for site in advice["sites"]])
    best: dict[str, Any] = next(site for site in advice["sites"] if site["id"] == named)
    return best


def today(site: dict[str, Any]) -> tuple[str, int, int]:
    """What a site runs on as the script is."""
    mix = site["current"]
    return mix["backend"], mix["processes"], mix["threads_per_process"]


def codes(advice: dict[str, Any]) -> set[str]:
    """The codes of all findings, of sites and of the run."""
    found = {finding["code"] for finding in advice["findings"]}
    return found | {finding["code"] for site in advice["sites"] for finding in site["findings"]}


def finding(advice: dict[str, Any], code: str) -> dict[str, Any]:
    """The first finding with this code."""
    everywhere = [*advice["findings"], *(each for site in advice["sites"] for each in site["findings"])]
    found: dict[str, Any] = next(each for each in everywhere if each["code"] == code)
    return found


def chosen(site: dict[str, Any]) -> dict[str, Any]:
    """The mix that is advised; where noise left it open, the one whose trials were the fastest: the analysis shows."""
    recommendation: dict[str, Any] = site["recommendation"]
    if recommendation["decided"]:
        assert recommendation["measured"] is True, recommendation
        return recommendation
    tried: list[dict[str, Any]] = [trial for trial in site["trials"] if trial["outcome"] == "ok"]
    assert tried, recommendation
    return min(tried, key=lambda trial: fmean(trial["wall_s"]) / trial["tasks"])
