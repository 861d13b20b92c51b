"""The script's own environment runs it: without `advise` in it, with its packages, editable installs and variables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from advisor.model.target import OWN_INTERPRETER

TIMEOUT_S = 60
pytestmark = [pytest.mark.realtime, pytest.mark.timeout(2 * TIMEOUT_S)]

RULE = "---- advise ----"
ADVISE = "import sys; sys.path.insert(0, {!r}); from advisor.cli import main; sys.exit(main())"

PACKAGED = """
def work(n):
    total = 0
    for i in range(200_000 + n):
        total += i * i % 7
    return total
"""
SCRIPT = """
import sys, beside, checked_out, found, packaged
try:
    import advisor
except ImportError:
    advisor = None
print(sys.prefix, sys.executable, advisor, __name__, __package__)
print(packaged.__file__, checked_out.__file__, found.__file__, beside.__file__)
print(sum([packaged.work(n) for n in range(60)]))
"""
FINDER = """
import importlib.util, sys
class Finder:
    def find_spec(name, path=None, target=None):
        return importlib.util.spec_from_file_location(name, {!r}) if name == "found" else None
sys.meta_path.append(Finder)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment in a project: `project` has the script, `folder` the environment."""

    project: Path
    folder: Path
    repository: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def plainly(self, *arguments: str, cwd: Path | None = None, **variables: str) -> str:
        """What `python ARGUMENTS` prints in the environment."""
        done = subprocess.run(
            [self.python, *arguments], cwd=cwd or self.project, env=self.variables(variables), capture_output=True,
            text=True, timeout=TIMEOUT_S, check=True,
        )  # fmt: skip
        return done.stdout

    def advised(self, *arguments: str, cwd: Path | None = None, **variables: str) -> tuple[str, str, dict[str, Any]]:
        """The script's output under `advise` of this interpreter, what is shown after it, and the advice file."""
        file = self.project.parent / "advice.json"
        options = ["--quiet", "--budget", "1", "--json", str(file), "--output", str(self.project.parent / "reports")]
        done = subprocess.run(
            [sys.executable, "-c", ADVISE.format(str(self.repository)), *options, *arguments],
            cwd=cwd or self.project, env=self.variables(variables), capture_output=True, text=True, timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        out, _, shown = done.stdout.partition(RULE)
        return out, " ".join(shown.split()), json.loads(file.read_text())

    @staticmethod
    def variables(more: dict[str, str]) -> dict[str, str]:
        """Ours, less those that say which interpreter and which modules."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        return kept | more


@pytest.fixture
def environment_of_its_own(tmp_path: Path, repository: Path) -> Environment:
    """A project with `.venv` beside its script: a package in it, and two editable ones, by path and by a finder."""
    project = tmp_path / "project"
    project.mkdir()
    folder = project / ".venv"
    venv.create(folder, symlinks=True)
    packages = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    for name, place in (("packaged", packages), ("checked_out", tmp_path / "src"), ("found", tmp_path / "elsewhere")):
        place.mkdir(exist_ok=True)
        (place / f"{name}.py").write_text(PACKAGED)
    (packages / "checked_out.pth").write_text(f"{tmp_path / 'src'}\n")
    (packages / "_finder.py").write_text(FINDER.format(str(tmp_path / "elsewhere" / "found.py")))
    (packages / "found.pth").write_text("import _finder\n")
    (project / "beside.py").write_text("")
    (project / "script.py").write_text(SCRIPT)
    return Environment(project=project, folder=folder, repository=repository)


def spoken_of(advice: dict[str, Any]) -> dict[str, Any]:
    """The site of the recorded calls."""
    (site,) = [site for site in advice["sites"] if site["callee"] == "packaged.work"]
    return site


@pytest.mark.parametrize("how", ["beside", "active", "named"])
def test_scripts_environment_runs_it(how: str, environment_of_its_own: Environment):
    own = environment_of_its_own
    options, variables, why = [], {}, "of .venv beside the script"
    if how != "beside":
        own.folder.rename(own.project.parent / "other")
        own = Environment(project=own.project, folder=own.project.parent / "other", repository=own.repository)
    if how == "active":
        variables, why = {"VIRTUAL_ENV": str(own.folder)}, "the active virtual environment's"
    if how == "named":
        options, why = ["--python", own.python], "named with --python"
    out, shown, advice = own.advised(*options, "script.py", **variables)
    assert out == own.plainly("script.py")
    assert f"{own.folder} {own.python} None" in out
    assert (advice["script"]["interpreter"], advice["script"]["interpreter_why"]) == (own.python, why)
    assert f"{own.python} ({why})." in shown
    site = spoken_of(advice)
    assert site["calls"] == 60
    assert [trial["outcome"] for trial in site["trials"]][:1] == ["ok"]
    assert {line["source"] for line in site["lines"]} <= {"line_profiler", "py-spy"}


def test_our_own_interpreter_needs_no_mention(environment_of_its_own: Environment):
    own = environment_of_its_own
    own.folder.rename(own.project.parent / "other")
    (own.project / "script.py").write_text("import sys\nprint(sys.executable)\n")
    out, shown, advice = own.advised("script.py")
    assert out == f"{sys.executable}\n"
    assert advice["script"]["interpreter_why"] == OWN_INTERPRETER
    assert "Run by" not in shown


def test_script_in_another_folder(environment_of_its_own: Environment, tmp_path: Path):
    own = environment_of_its_own
    (tmp_path / "here").mkdir()
    out, _, advice = own.advised("../project/script.py", cwd=tmp_path / "here")
    assert out == own.plainly("../project/script.py", cwd=tmp_path / "here")
    assert advice["script"]["interpreter"] == own.python
    assert spoken_of(advice)["file"] == str(own.project / "script.py")


def test_module_of_a_package(environment_of_its_own: Environment):
    own = environment_of_its_own
    (own.project / "package").mkdir()
    (own.project / "package" / "__init__.py").write_text("")
    (own.project / "package" / "module.py").write_text("from . import other\n" + SCRIPT)
    (own.project / "package" / "other.py").write_text("")
    out, _, advice = own.advised("-m", "package.module", "argument")
    assert out == own.plainly("-m", "package.module", "argument")
    assert advice["script"]["interpreter"] == own.python
    assert spoken_of(advice)["calls"] == 60


def test_python_variables_are_kept_in_both_runs(environment_of_its_own: Environment, tmp_path: Path):
    own = environment_of_its_own
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "extra.py").write_text("")
    (own.project / "script.py").write_text(
        "import extra, os, packaged, sys\n"
        "told = (sorted(item for item in os.environ.items() if item[0].startswith('PYTHON')), sys.flags,\n"
        "        sys.warnoptions, sys.pycache_prefix, hash('text'), extra.__file__, __debug__)\n"
        "with open('../told', 'a') as file: print(*told, file=file)\n"
        "print(told, sum([packaged.work(n) for n in range(60)]))\n"
    )
    variables = {
        "PYTHONPATH": str(tmp_path / "extra"), "PYTHONHASHSEED": "7", "PYTHONWARNINGS": "error::UserWarning",
        "PYTHONOPTIMIZE": "1", "PYTHONUTF8": "1", "PYTHONPYCACHEPREFIX": str(tmp_path / "cache"),
        "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1",
    }  # fmt: skip
    expected = own.plainly("script.py", **variables)
    out, _, _ = own.advised("script.py", **variables)
    assert out == expected
    told = (tmp_path / "told").read_text().splitlines()
    assert len(told) == 3
    assert len(set(told)) == 1
