"""Scripts and modules that cannot be run are refused before anything starts, and the user's own code is told apart."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

import advisor.agent
from advisor.errors import TargetError
from advisor.model.target import Target
from advisor.observe.owncode import OwnCode
from advisor.observe.target import check_target, own_roots


def script(path: Path | str) -> Target:
    return Target(python=sys.executable, script=str(path))


def module(name: str) -> Target:
    return Target(python=sys.executable, module=name)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a package and a module whose import would be noticed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "package" / "inner.py").write_text("print(1)")
    (tmp_path / "package" / "wrong.py").write_text("x = 1\ndef f(:\n")
    (tmp_path / "single.py").write_text("raise SystemExit('run')")
    return tmp_path


@pytest.mark.parametrize(
    "source",
    [
        b"print(1)",
        b"",
        "print('caf\u00e9')".encode(),
        "# coding: latin-1\nprint('caf\u00e9')".encode("latin-1"),
        "\ufeffprint(1)".encode(),
        b"from __future__ import annotations\nx: int",
        b"raise SystemExit('not run by the check')",
        b"assert (1, 'a warning, not an error')",
    ],
)
def test_good_script_passes(source: bytes, here: Path):
    (here / "script.py").write_bytes(source)
    check_target(script("script.py"))


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (b"x = 1\ndef f(:\n    pass\n", r"script.py:2: invalid syntax"),
        (b"print 'two'", r"script.py:1: Missing parentheses"),
        (b"if True:\nprint(1)", r"script.py:2: expected an indented block"),
        (b"return 1", r"script.py:1: 'return' outside function"),
        (b"\x7fELF\0\0\0", r"not Python source"),
        (b"caf\xe9 = 1", r"script.py.*utf-8"),
        (b"# coding: no-such-thing\n", r"script.py.*no-such-thing"),
    ],
)
def test_script_that_is_not_python_is_refused_by_place_and_message(source: bytes, what: str, here: Path):
    (here / "script.py").write_bytes(source)
    with pytest.raises(TargetError, match=what):
        check_target(script("script.py"))


@pytest.mark.usefixtures("here")
def test_script_that_is_not_there():
    with pytest.raises(TargetError, match=r"no such file: nothing\.py"):
        check_target(script("nothing.py"))


def test_folder_needs_a_main(here: Path):
    with pytest.raises(TargetError, match="__main__"):
        check_target(script(here / "package"))
    (here / "package" / "__main__.py").write_text("print(1)")
    check_target(script(here / "package"))


@pytest.mark.usefixtures("here")
def test_zip_needs_a_main():
    with zipfile.ZipFile("program.zip", "w") as archive:
        archive.writestr("other.py", "print(1)")
    with pytest.raises(TargetError, match="__main__"):
        check_target(script("program.zip"))
    with zipfile.ZipFile("program.zip", "a") as archive:
        archive.writestr("__main__.py", "print(1)")
    check_target(script("program.zip"))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["package.inner", "single", "timeit", "json.tool"])
def test_good_module_passes_and_is_not_imported(name: str):
    check_target(module(name))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["nothing", "package.nothing", "package", "json"])
def test_module_that_cannot_be_run(name: str):
    with pytest.raises(TargetError, match="no module named"):
        check_target(module(name))


@pytest.mark.usefixtures("here")
def test_module_with_a_syntax_error():
    with pytest.raises(TargetError, match=r"wrong.py:2: invalid syntax"):
        check_target(module("package.wrong"))


def test_roots_of_a_script_are_its_folder_and_the_working_folder_above(here: Path):
    (here / "tools").mkdir()
    (here / "tools" / "script.py").write_text("")
    assert own_roots(script("tools/script.py")) == (str(here / "tools"), str(here))
    assert own_roots(script("single.py")) == (str(here),)


def test_working_folder_beside_the_script_is_no_root(here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(here / "package")
    assert own_roots(script("../single.py")) == (str(here),)


def test_roots_of_a_module_are_its_top_package(here: Path):
    assert own_roots(module("package.inner")) == (str(here / "package"), str(here))
    (root,) = own_roots(module("json.tool"))
    assert root.endswith("/json")


def test_libraries_and_environments_below_a_root_are_not_the_users(here: Path):
    (here / ".venv" / "lib").mkdir(parents=True)
    (here / ".venv" / "pyvenv.cfg").write_text("")
    own = OwnCode((str(here),), ("/usr/lib/python3.11",))
    assert own.is_own(str(here / "single.py"))
    assert own.is_own(str(here / "package" / "inner.py"))
    assert not own.is_own(str(here / ".venv" / "lib" / "x.py"))
    assert not own.is_own(str(here / "vendor" / "site-packages" / "x.py"))
    assert not own.is_own("/usr/lib/python3.11/json/tool.py")
    assert not own.is_own("<frozen runpy>")
    assert not own.is_own("")


def test_installed_package_that_is_the_target_is_the_users():
    own = OwnCode(("/usr/lib/python3.11/json",), ("/usr/lib/python3.11",))
    assert own.is_own("/usr/lib/python3.11/json/tool.py")
    assert not own.is_own("/usr/lib/python3.11/argparse.py")


def test_our_agent_is_never_the_users():
    agent = Path(advisor.agent.__file__).parent
    own = OwnCode((str(agent.parent.parent),))
    assert not own.is_own(str(agent / "bootstrap.py"))


@pytest.mark.parametrize("target", [script("json.py"), module("single"), module("package.inner")])
def test_a_script_named_as_a_standard_module_does_not_hide_it_from_us(target: Target, here: Path):
    for name in ("json", "warnings", "random", "linecache"):
        (here / f"{name}.py").write_text("raise SystemExit('the script, not the module')")
    check_target(target)
    assert own_roots(target)[-1] == str(here)
