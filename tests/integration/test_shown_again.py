"""A real run kept as a file: what it holds of run 1, and that it is shown again to the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import HOT, Command

from advisor.cli import main

pytestmark = pytest.mark.realtime

SCRIPT = f"""{HOT}
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool:
    list(pool.map(time.sleep, [0.3, 0.3]))
busy()
with open(__file__, "a") as this:
    this.write("# once more\\n")
"""


def test_run_1_is_kept_with_its_source_and_shown_again_to_the_same_bytes(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    command = Command(tmp_path, environment)
    script = tmp_path / command.script(SCRIPT)
    ended = command.run("--quiet", "--json", "a.json", script.name)
    assert ended.clean, ended
    found = json.loads((tmp_path / "a.json").read_text())
    profile, wall_s = found["profile"], found["baseline"]["wall_s"]

    assert sum(sum(stack["seconds"].values()) for stack in profile["stacks"]) > 0.7 * wall_s
    assert any(frame["own"] and frame["function"] == "work" for frame in profile["frames"])
    first, *workers = profile["threads"]
    assert first["main"]
    assert "python" in first["state"]
    assert any("sleep" in worker["state"] for worker in workers)
    assert first["end_s"][-1] == pytest.approx(wall_s, rel=0.25)

    (source,) = profile["sources"]
    assert source["file"] == str(script)
    assert source["lines"].count("# once more") == 1  # run 2 has added another since
    assert script.read_text().count("\n# once more") == 2

    monkeypatch.chdir(tmp_path)
    script.unlink()
    assert main(["show", "--output", "again", "a.json"]) == 0
    assert Path("again/script.html").read_bytes() == Path("reports/script.html").read_bytes()
