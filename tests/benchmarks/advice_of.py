"""Run `advise` on a sample as a user would, and read its advice file."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sample_header import SAMPLES

REPOSITORY = SAMPLES.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """The advice file as JSON types, and the wall seconds the whole command took."""

    advice: dict[str, Any]
    wall_s: float

    def site_of(self, function: str) -> dict[str, Any] | None:
        """The entry of the site that calls `function` and has a recommendation, None where there is none."""
        named = (site for site in self.advice["sites"] if site["callee"].rpartition(".")[2] == function)
        return next((dict(site) for site in named if site["recommendation"] is not None), None)


def advise(sample: Path, *options: str) -> Advised:
    """Run `advise OPTIONS SAMPLE`. Raises RuntimeError where it wrote no advice."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "advice.json"
        command = [sys.executable, "-m", "advisor", "--quiet", "--json", str(written), "--output", folder, *options]
        began = time.perf_counter()
        ended = subprocess.run(
            [*command, str(sample)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        wall_s = time.perf_counter() - began
        if not written.exists():
            raise RuntimeError(f"advise {sample.name} ended with {ended.returncode}: {ended.stderr.strip()}")
        return Advised(advice=json.loads(written.read_text(encoding="utf-8")), wall_s=wall_s)


def plain_run_s(sample: Path) -> float:
    """Wall seconds of the sample by itself, under the interpreter `advise` would use for it."""
    began = time.perf_counter()
    subprocess.run([sys.executable, str(sample)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began
