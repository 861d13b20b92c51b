"""What the base imports, in real virtual environments where head is installed in editable mode."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from advisor.errors import RevisionError
from advisor.revision.dependencies import dependency_files_changed
from advisor.revision.environment import (
    base_path_entries,
    fingerprint,
    installed_copies,
    processor_name,
    translated,
)

# As setuptools writes it: its finder comes after the path's, and keeps what it maps in its module.
SETUPTOOLS_FINDER = """
import sys
from importlib.util import spec_from_file_location
from pathlib import Path
MAPPING = {mapping!r}
class _EditableFinder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in MAPPING:
            for place in (Path(MAPPING[name], "__init__.py"), Path(MAPPING[name]).with_suffix(".py")):
                if place.exists():
                    return spec_from_file_location(name, place)
def install():
    sys.meta_path.append(_EditableFinder)
"""
# As `editables` does for hatch and PDM.
REDIRECTOR = """
import sys
from importlib.util import spec_from_file_location
class RedirectingFinder:
    _redirections = {mapping!r}
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in cls._redirections:
            return spec_from_file_location(name, cls._redirections[name])
def install():
    sys.meta_path.append(RedirectingFinder)
"""
# As meson-python does: before everything else, with a folder of the package that is none.
FIRST_FINDER = (
    REDIRECTOR.replace("append(", "insert(0, ")
    .replace("_redirections", "known")
    .replace(".known[name])", ".known[name], submodule_search_locations=[__file__ + '/pkg'])")
)


@dataclass(frozen=True, slots=True)
class Project:
    """A project whose package `pkg` knows which arm it is of; `python` has head installed."""

    head: Path
    base: Path
    environment: Path

    @property
    def python(self) -> str:
        return str(self.environment / "bin" / "python")

    @property
    def site_packages(self) -> Path:
        return next(self.environment.glob("lib/python*/site-packages"))

    def package(self, place: str, *, arms: tuple[str, ...] = ("head", "base")) -> None:
        for arm in arms:
            file = (self.head if arm == "head" else self.base) / place
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"arm = {arm!r}\n")

    def distribution(self, name: str = "pkg", url: str | None = None, *, editable: bool = True) -> None:
        folder = self.site_packages / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        origin = {"url": url or self.head.as_uri(), "dir_info": {"editable": True} if editable else {}}
        (folder / "direct_url.json").write_text(json.dumps(origin))

    def path_file(self, *folders: Path) -> None:
        (self.site_packages / "__editable__.pkg.pth").write_text("".join(f"{folder}\n" for folder in folders))

    def finder(self, text: str, **mapping: Path) -> None:
        written = text.format(mapping={name.replace("__", "."): str(place) for name, place in mapping.items()})
        (self.site_packages / "__editable___pkg_finder.py").write_text(written)
        line = "import __editable___pkg_finder; __editable___pkg_finder.install()\n"
        (self.site_packages / "__editable__.pkg.pth").write_text(line)

    def entries(self) -> tuple[str, ...]:
        """Relative to the base."""
        found = base_path_entries(self.python, self.head, self.base)
        return tuple(os.path.relpath(entry, self.base) for entry in found)

    def imported(self, name: str = "pkg") -> str:
        """Which arm's code a script of the base sees."""
        variables = {"PYTHONPATH": os.pathsep.join(base_path_entries(self.python, self.head, self.base))}
        program = f"import {name}; print({name}.arm)"
        command = [self.python, "-c", program]
        return subprocess.check_output(command, env={**os.environ, **variables}, cwd="/", text=True).strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    made = Project(tmp_path / "the repo", tmp_path / "advise-x" / "base", tmp_path / "environment")
    made.head.mkdir()
    made.base.mkdir(parents=True)
    venv.create(made.environment, with_pip=False, symlinks=True)
    return made


# --- what the base imports


def test_without_an_installed_project_nothing_is_added(project: Project):
    project.package("pkg/__init__.py")
    assert project.entries() == ()


def test_without_redirection_the_base_would_import_head(project: Project):
    """The trap itself: what the other tests rest on."""
    project.package("src/pkg/__init__.py")
    project.path_file(project.head / "src")
    program = [project.python, "-c", "import pkg; print(pkg.arm)"]
    assert subprocess.check_output(program, cwd=project.base, text=True) == "head\n"


@pytest.mark.parametrize("source", ["src", "."])
def test_folders_of_a_path_file(project: Project, source: str):
    project.package(f"{source}/pkg/__init__.py")
    project.distribution()
    project.path_file(project.head / source)
    assert project.entries() == (source,)
    assert project.imported() == "base"


def test_folders_keep_their_order(project: Project):
    project.package("b/pkg/__init__.py")
    project.package("a/other/__init__.py")
    project.path_file(project.head / "b", project.head / "a", project.head / "gone")
    assert project.entries() == ("b", "a")


@pytest.mark.parametrize("source", ["src", "."])
def test_a_setuptools_finder(project: Project, source: str):
    project.package(f"{source}/pkg/__init__.py")
    project.distribution()
    project.finder(SETUPTOOLS_FINDER, pkg=project.head / source / "pkg")
    assert project.entries() == (source,)
    assert project.imported() == "base"


def test_a_setuptools_finder_of_a_module_and_of_a_namespace(project: Project):
    project.package("lib/tool.py")
    project.package("src/space/part/__init__.py")
    project.finder(SETUPTOOLS_FINDER, tool=project.head / "lib/tool", space__part=project.head / "src/space/part")
    assert project.entries() == ("lib", "src")
    assert project.imported("tool") == "base"
    assert project.imported("space.part") == "base"


def test_a_redirector_of_hatch_or_pdm(project: Project):
    project.package("src/pkg/__init__.py")
    project.finder(REDIRECTOR, pkg=project.head / "src/pkg/__init__.py")
    assert project.entries() == ("src",)
    assert project.imported() == "base"


def test_a_finder_that_comes_first_is_an_error_not_a_false_comparison(project: Project):
    project.package("src/pkg/__init__.py")
    project.distribution()
    project.finder(FIRST_FINDER, pkg=project.head / "src/pkg/__init__.py")
    with pytest.raises(RevisionError, match="the base would import head's pkg") as caught:
        project.entries()
    assert "PYTHONPATH" in caught.value.cure


def test_a_package_whose_folder_is_named_otherwise_is_an_error(project: Project):
    project.package("code/__init__.py")
    project.finder(SETUPTOOLS_FINDER, pkg=project.head / "code")
    with pytest.raises(RevisionError, match="head's pkg"):
        project.entries()


def test_a_package_that_has_moved_since_is_found_where_it_was(project: Project):
    project.package("pkg/__init__.py", arms=("base",))
    project.package("src/pkg/__init__.py", arms=("head",))
    project.distribution()
    project.path_file(project.head / "src")
    assert project.entries() == (".",)
    assert project.imported() == "base"


def test_a_package_that_is_new_in_head_is_no_error(project: Project):
    project.package("src/pkg/__init__.py")
    project.package("src/fresh/__init__.py", arms=("head",))
    project.finder(SETUPTOOLS_FINDER, pkg=project.head / "src/pkg", fresh=project.head / "src/fresh")
    assert project.entries() == ("src",)


def test_a_project_of_another_repository_is_left_alone(project: Project, tmp_path: Path):
    other = tmp_path / "the repo beside" / "src" / "pkg"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("")
    project.distribution(url=(tmp_path / "the repo beside").as_uri())
    project.path_file(other.parent)
    assert project.entries() == ()


def test_an_environment_inside_of_the_repository_is_shared_as_it_is(project: Project):
    project.package("pkg/__init__.py")
    venv.create(project.head / ".venv", with_pip=False, symlinks=True)
    (project.base / ".venv").symlink_to(project.head / ".venv")
    python = str(project.head / ".venv" / "bin" / "python")
    assert base_path_entries(python, project.head, project.base) == ()


def test_a_link_to_the_repository_counts_as_the_repository(project: Project, tmp_path: Path):
    project.package("src/pkg/__init__.py")
    (tmp_path / "link").symlink_to(project.head)
    project.path_file(tmp_path / "link" / "src")
    assert project.entries() == ("src",)


def test_the_users_pythonpath_counts_where_it_is_absolute(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.package("src/pkg/__init__.py")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(project.head / "src"), "relative"]))
    assert project.entries() == ("src",)
    given = os.pathsep.join([str(project.head / "src"), "relative", "/elsewhere"])
    wanted = os.pathsep.join([str(project.base / "src"), "relative", "/elsewhere"])
    assert translated(given, project.head, project.base) == wanted


def test_modules_of_the_working_folder_do_not_mislead_the_question(project: Project, monkeypatch: pytest.MonkeyPatch):
    (project.head / "json.py").write_text("raise SystemExit('not this one')\n")
    monkeypatch.chdir(project.head)
    assert project.entries() == ()


def test_an_interpreter_that_does_not_answer_is_an_error(project: Project):
    with pytest.raises(RevisionError, match="does not tell"):
        base_path_entries("/bin/false", project.head, project.base)


# --- the fingerprint


def test_the_fingerprint_names_machine_interpreter_and_packages(project: Project):
    project.distribution("Some_Thing.x", "https://example.org/a.zip")
    found = fingerprint(project.python)
    assert found.packages == (("some-thing-x", "1.0"),)
    assert found.python == f"CPython {platform.python_version()}"
    assert found.system == f"{platform.system()} {platform.release()}"
    assert found.cpus >= 1
    assert found.memory_bytes > 1 << 20
    assert found.cpu


def test_the_project_itself_is_left_out_of_the_fingerprint(project: Project):
    project.distribution("pkg")
    project.distribution("other", "file:///elsewhere")
    assert [name for name, _ in fingerprint(project.python, project.head).packages] == ["other"]
    assert [name for name, _ in fingerprint(project.python).packages] == ["other", "pkg"]


def test_remains_of_a_package_do_not_break_the_fingerprint(project: Project):
    (project.site_packages / "half-1.0.dist-info").mkdir()
    assert fingerprint(project.python).packages == ()


def test_a_copy_of_the_project_is_named(project: Project):
    project.distribution("pkg", editable=False)
    project.distribution("other", editable=True)
    assert installed_copies(project.python, project.head) == ("pkg",)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor\t: 0\nmodel name\t: Example 3000 @ 2GHz: fast\n\nprocessor\t: 1\n", "Example 3000 @ 2GHz: fast"),
        ("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", f"{platform.machine()} 0x41 0xd0c"),
        ("", platform.machine()),
    ],
)
def test_the_processors_name_is_read_from_what_the_kernel_tells(tmp_path: Path, text: str, name: str):
    (tmp_path / "cpuinfo").write_text(text)
    assert processor_name(tmp_path / "cpuinfo") == name


# --- dependencies


@pytest.mark.parametrize(
    "name",
    [
        "requirements.txt", "requirements-dev.txt", "ci/dev-requirements.txt", "requirements/base.txt",
        "constraints.txt", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "pylock.ci.toml",
        "setup.py", "setup.cfg", ".python-version", "environment.yml", "environment-ci.yaml",
    ],
)  # fmt: skip
def test_a_file_that_declares_dependencies(tmp_path: Path, name: str):
    assert dependency_files_changed((name, "script.py"), head=tmp_path, base=tmp_path) == (name,)


@pytest.mark.parametrize("name", ["script.py", "data/uv.locked", "docs/requirements.md", "yarn.lock", "pkg/setup.pyc"])
def test_a_file_that_does_not(tmp_path: Path, name: str):
    assert dependency_files_changed((name,), head=tmp_path, base=tmp_path) == ()


PYPROJECT = '[project]\nname = "x"\ndependencies = ["numpy>=1"]\n[build-system]\nrequires = ["setuptools"]\n'


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (PYPROJECT, False),
        (PYPROJECT.replace('"x"', '"y"') + "[tool.ruff]\nline-length = 100\n", False),
        (PYPROJECT.replace("numpy>=1", "numpy>=2"), True),
        (PYPROJECT.replace("setuptools", "hatchling"), True),
        (PYPROJECT.replace("name", 'requires-python = ">=3.12"\nname'), True),
        (PYPROJECT + '[dependency-groups]\ntest = ["pytest"]\n', True),
        (PYPROJECT + '[project.optional-dependencies]\ntest = ["pytest"]\n', True),
        (PYPROJECT + '[tool.poetry.dependencies]\npython = "^3.11"\n', True),
        (PYPROJECT + "this is no TOML", True),
        (None, True),
    ],
)
def test_a_pyproject_counts_where_it_declares_others(tmp_path: Path, text: str | None, counts: bool):
    head, base = tmp_path / "head", tmp_path / "base"
    for folder, content in ((base, PYPROJECT), (head, text)):
        folder.mkdir()
        if content is not None:
            (folder / "pyproject.toml").write_text(content)
    found = dependency_files_changed(("pyproject.toml",), head=head, base=base)
    assert found == (("pyproject.toml",) if counts else ())


def test_our_own_interpreter_has_what_these_tests_run_on():
    assert "pytest" in dict(fingerprint(sys.executable).packages)
