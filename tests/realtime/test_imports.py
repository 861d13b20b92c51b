"""Imports (ADV110), start-up and too short a run (ADV404) are told apart from work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from advised import TIMEOUT_S, advice_on, spoken_of

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(TIMEOUT_S + 10)]

BUDGET_S = "3"
WORK = """\
def work(n):
    total = 0
    for i in range(150_000 + n):
        total += i * i % 7
    return total
"""
HEAVY = WORK + "TABLE = [work(n) for n in range({})]\n"
"""A library that computes while it is imported, for about as long as so many calls of `work`."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a script, with room for modules of its own and for installed ones."""
    (tmp_path / "site-packages").mkdir()
    return tmp_path


def advice(folder: Path, environment: dict[str, str], source: str, *, library: int = 0, own: int = 0) -> dict[str, Any]:
    """The advice on a script beside a module `own_module`, with a `heavy` library, each so many calls long."""
    (folder / "site-packages" / "heavy.py").write_text(HEAVY.format(library))
    (folder / "own_module.py").write_text(HEAVY.format(own))
    path = f"{folder / 'site-packages'}:{environment['PYTHONPATH']}"
    return advice_on(source, folder, environment | {"PYTHONPATH": path}, budget_s=BUDGET_S)


def codes(found: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in found["findings"]}


@pytest.mark.parametrize(
    "source",
    [
        "import heavy\nprint(len(heavy.TABLE))",
        "def main():\n    import heavy\n    print(len(heavy.TABLE))\nif __name__ == '__main__':\n    main()",
        "import importlib\nprint(len(importlib.import_module('heavy').TABLE))",
        "import threading\nt = threading.Thread(target=__import__, args=('heavy',))\nt.start()\nt.join()",
    ],
    ids=["at the top", "late", "by name", "in a thread"],
)
def test_a_heavy_import_is_what_there_is_to_mend(source: str, folder: Path, environment: dict[str, str]):
    found = advice(folder, environment, source, library=60)
    assert "ADV110" in codes(found)
    assert found["baseline"]["import_s"] >= 0.5 * found["baseline"]["wall_s"]
    assert found["verdict"].startswith(("No advice: imports take", "Stay serial: imports take"))
    assert found["recommendation"] is None or found["recommendation"]["backend"] == "serial"


def test_an_import_behind_ones_own_module_is_an_import(folder: Path, environment: dict[str, str]):
    (folder / "facade.py").write_text("import heavy\n")
    found = advice(folder, environment, "import facade", library=60)
    assert "ADV110" in codes(found)


def test_real_libraries_are_imports(folder: Path, environment: dict[str, str]):
    found = advice(folder, environment, "import numpy, pandas, scipy.stats\nprint(numpy.zeros(3).sum())")
    assert "ADV110" in codes(found)


def test_work_done_while_an_own_module_is_imported_is_work(folder: Path, environment: dict[str, str]):
    found = advice(folder, environment, "import own_module\nprint(len(own_module.TABLE))", own=60)
    assert "ADV110" not in codes(found)
    site = spoken_of(found)
    assert (Path(site["file"]).name, site["callee"], site["calls"]) == ("own_module.py", "work", 60)
    assert found["baseline"]["import_s"] < 0.2 * found["baseline"]["wall_s"]


def test_an_import_inside_a_hot_function_is_none_of_its_work(folder: Path, environment: dict[str, str]):
    source = """
        def task(n):
            import decimal, heavy
            return heavy.work(n)
        print(sum([task(n) for n in range(60)]))
        """
    found = advice(folder, environment, source)
    assert "ADV110" not in codes(found)
    site = spoken_of(found)
    assert (site["callee"], site["calls"], site["bound"]) == ("task", 60, "cpu-bound")


def test_work_beside_a_lighter_import_is_advised_on(folder: Path, environment: dict[str, str]):
    source = "import heavy\n" + WORK + "print(sum([work(n) for n in range(180)]))"
    found = advice(folder, environment, source, library=60)
    assert "ADV110" not in codes(found)
    assert spoken_of(found)["callee"] == "work"
    share = found["baseline"]["import_s"] / found["baseline"]["wall_s"]
    assert 0.1 < share < 0.45
    assert spoken_of(found)["share"] < 0.9


def test_work_beside_a_heavier_import_is_still_shown(folder: Path, environment: dict[str, str]):
    source = "import heavy\n" + WORK + "print(sum([work(n) for n in range(90)]))"
    found = advice(folder, environment, source, library=210)
    assert "ADV110" in codes(found)
    assert spoken_of(found)["callee"] == "work"
    assert spoken_of(found)["share"] < 0.5


@pytest.mark.parametrize("source", ["print(1)", "import json, email.message\nprint(json.dumps([1]))"])
def test_too_short_a_run_is_told_and_not_advised_on(source: str, folder: Path, environment: dict[str, str]):
    found = advice(folder, environment, source)
    assert "ADV404" in codes(found)
    assert found["verdict"].startswith("No advice: the script ends after")
    assert found["cost"]["runs"] == 1
    assert found["recommendation"] is None
    assert not found["conclusive"]


def test_the_start_of_the_interpreter_is_no_time_of_the_script(folder: Path, environment: dict[str, str]):
    (folder / "site-packages" / "sitecustomize.py").write_text("import time\ntime.sleep(1.0)\n")
    found = advice(folder, environment, "print(1)")
    assert "ADV404" in codes(found)
    assert found["baseline"]["wall_s"] < 0.5


def test_a_long_sleep_is_not_too_short_though_it_computes_nothing(folder: Path, environment: dict[str, str]):
    found = advice(folder, environment, "import time\nfor _ in range(20):\n    time.sleep(0.03)")
    assert not codes(found) & {"ADV110", "ADV404"}
