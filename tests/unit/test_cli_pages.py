"""What a report is called: no script's report is written over another's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import builders
import pytest

from advisor.cli.pages import report_in
from advisor.model.target import Target
from advisor.report import html


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "reports"


def reported(folder: Path, script: str | None, module: str | None = None) -> str:
    """Write the report of a script as `advise` does, and say what it is called."""
    root = Path.cwd() if script is None else Path(script).resolve().parent
    target = Target(python="python3", script=script, module=module, roots=(str(root),))
    path = report_in(folder, target)
    folder.mkdir(exist_ok=True)
    path.write_text(html.render(replace(builders.wait_bound(), target=target)))
    return path.name


def test_scripts_of_one_name_in_several_folders_have_a_report_each(folder: Path):
    names = [reported(folder, script) for script in ("load.py", "shop/load.py", "bank/load.py", "old/bank/load.py")]
    assert names == ["load.html", "shop-load.html", "bank-load.html", "load-2.html"]


def test_a_script_finds_its_report_again(folder: Path):
    scripts = ["shop/load.py", "bank/load.py", "old/bank/load.py", "./shop/../shop/load.py"]
    scripts.append(str(Path("bank/load.py").absolute()))
    names = [reported(folder, script) for script in scripts]
    assert names == ["load.html", "bank-load.html", "load-2.html", "load.html", "bank-load.html"]


def test_scripts_of_several_folders_that_are_typed_alike_are_told_apart(folder: Path, monkeypatch: pytest.MonkeyPatch):
    names = []
    for name in ("shop", "bank"):
        Path(name).mkdir()
        with monkeypatch.context() as there:
            there.chdir(name)
            names.append(reported(folder, "load.py"))
    assert names == ["load.html", "bank-load.html"]


def test_a_module_is_told_from_a_script_of_its_name(folder: Path):
    assert [reported(folder, "load.py"), reported(folder, None, "load")] == ["load.html", "load-2.html"]


def test_a_page_that_is_no_report_of_another_script_is_written_over(folder: Path):
    folder.mkdir()
    (folder / "load.html").write_text("an earlier version's")
    assert reported(folder, "load.py") == "load.html"


@pytest.mark.parametrize("name", ["check", "history", "index"])
def test_other_pages_of_the_folder_are_left_alone(folder: Path, name: str):
    assert reported(folder, f"{name}.py") == f"{name}-script.html"
