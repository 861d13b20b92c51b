"""Advice on a script, as a test reads it: from the file for machines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BUDGET_S = "3"
TIMEOUT_S = 60
"""Two runs of about a second and trials of three, on a machine that is busy with other things."""


def advice_of(source: str, folder: Path, environment: dict[str, str], *, budget_s: str = BUDGET_S) -> dict[str, Any]:
    """The advice file of a script with this source."""
    script = folder / "shape.py"
    script.write_text(source, encoding="utf-8")
    file = folder / "advice.json"
    options = ["--quiet", "--budget", budget_s, "--json", str(file), "--output", str(folder)]
    subprocess.run(
        [sys.executable, "-m", "advisor", *options, str(script)],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    advice: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return advice


def spoken_of(advice: dict[str, Any]) -> dict[str, Any]:
    """The site the verdict speaks of."""
    best: dict[str, Any] = next(site for site in advice["sites"] if site["id"] == advice["recommendation"]["site"])
    return best
