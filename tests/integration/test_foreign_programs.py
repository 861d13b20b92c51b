"""Programs nobody here wrote: none crashes or hangs, and none gives other output or another exit code because of us."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from benchmarks_anew import BENCHMARKS
from commands import LONGEST_S, Command
from documented import FUTURES, MULTIPROCESSING

from advisor.report.json import parse

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(2 * LONGEST_S)]

RULE = "---- advise ----"
CHANGING = re.compile(r"\b\d+(\.\d+)?(e-\d+)? ?(s|sec|msec|usec|nsec|seconds)\b|0x[0-9a-f]+")
"""What a program says anew each time: how long it took, and addresses."""
STDLIB = Path(os.__file__).parent


@pytest.fixture
def command(tmp_path: Path, environment: dict[str, str]) -> Command:
    return Command(tmp_path, {**environment, "PYTHONHASHSEED": "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plainly:
    """What `python ARGUMENTS` prints and ends with."""

    out: str
    err: str
    code: int


def plainly(command: Command, *arguments: str, given: str | None = None) -> Plainly:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=command.folder, env=command.environment, capture_output=True, text=True,
        input=given, stdin=subprocess.DEVNULL if given is None else None, timeout=LONGEST_S, check=False,
    )  # fmt: skip
    for left in command.temporary.iterdir():  # is the program's own
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return Plainly(out=done.stdout, err=done.stderr, code=done.returncode)


def advised(command: Command, *arguments: str, given: str | None = None) -> dict[str, Any]:
    """Run both ways and compare; the advice file."""
    expected = plainly(command, *arguments, given=given)
    file = command.folder / "advice.json"
    ended = command.run("--quiet", "--json", str(file), *arguments, given=given)
    out, rule, shown = ended.out.partition(RULE)
    assert rule, ended.err
    assert CHANGING.sub("#", out) == CHANGING.sub("#", expected.out)
    assert CHANGING.sub("#", ended.err) == CHANGING.sub("#", expected.err)
    assert "Traceback" not in shown
    assert ended.clean, (ended.processes, ended.files)
    assert ended.code == (4 if expected.code else ended.code)
    assert ended.code in {0, 4, 5}
    advice = parse(file.read_text())
    assert advice["script"]["exit_code"] == expected.code
    return advice


def stdlib_copy(folder: Path) -> list[str]:
    for name in ("email", "asyncio", "json", "unittest"):
        shutil.copytree(STDLIB / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return ["-m", "compileall", "-f", "source"]


def large_json(folder: Path) -> list[str]:
    rows = [{"id": number, "name": f"row {number}", "values": list(range(number % 20))} for number in range(20_000)]
    (folder / "large.json").write_text(json.dumps(rows))
    return ["-m", "json.tool", "large.json"]


def pytest_suite(folder: Path) -> list[str]:
    (folder / "test_small.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('n', range(30))\n"
        "def test_sum(n): assert sum(i * i for i in range(100_000 + n)) > n\n"
        "def test_fails(): assert 1 == 2\n"
    )
    return ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_small.py"]


def unittest_suite(folder: Path) -> list[str]:
    (folder / "test_unit.py").write_text(
        "import unittest\n"
        "class Test(unittest.TestCase):\n"
        "    def test_sum(self): self.assertTrue(sum(i * i for i in range(4_000_000)))\n"
        "    def test_fails(self): self.assertEqual(1, 2)\n"
    )
    return ["-m", "unittest", "test_unit"]


def archive(folder: Path) -> list[str]:
    (folder / "data").mkdir()
    for number in range(12):
        (folder / "data" / f"{number}.txt").write_text(" ".join(str(i * number % 9973) for i in range(150_000)))
    return ["-m", "zipfile", "-c", "data.zip", "data"]


def tarball(folder: Path) -> list[str]:
    archive(folder)
    return ["-m", "tarfile", "-c", "data.tar.gz", "data"]


def timing(_folder: Path) -> list[str]:
    return ["-m", "timeit", "-n", "120", "-r", "1", "sum(i * i for i in range(50_000))"]


def type_check(folder: Path) -> list[str]:
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    for number in range(10):
        source = f"def f{number}(x: int) -> str:\n    return x + {number}\n"
        (folder / "package" / f"part{number}.py").write_text(source)
    return ["-m", "mypy", f"--cache-dir={os.devnull}", "package"]


def highlighting(_folder: Path) -> list[str]:
    return ["-m", "pygments", "-l", "python", str(STDLIB / "typing.py")]


def packages(_folder: Path) -> list[str]:
    return ["-m", "pip", "list", "--disable-pip-version-check"]


def names(folder: Path) -> list[str]:
    (folder / "modules").mkdir()
    for name in ("typing", "argparse", "inspect", "ast", "tarfile", "pickle", "turtle"):
        if (STDLIB / f"{name}.py").exists():
            shutil.copy(STDLIB / f"{name}.py", folder / "modules")
    return ["-m", "tabnanny", "-v", "modules"]


PROGRAMS: list[Callable[[Path], list[str]]] = [
    stdlib_copy, large_json, pytest_suite, unittest_suite, archive, tarball, timing, type_check, highlighting, names,
]  # fmt: skip
if importlib.util.find_spec("pip"):  # some make environments without it
    PROGRAMS.append(packages)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_console_program_is_as_without_us(program: Callable[[Path], list[str]], command: Command):
    advised(command, *program(command.folder))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_program_is_as_without_us(name: str, command: Command):
    source, argument = BENCHMARKS[name]
    advice = advised(command, command.script(source, f"{name}.py"), argument)
    assert advice["sites"]
    assert {site["file"] for site in advice["sites"]} == {str(command.folder / f"{name}.py")}


@pytest.mark.parametrize("name", [*FUTURES, *MULTIPROCESSING])
def test_documented_example_is_as_without_us(name: str, command: Command):
    advice = advised(command, command.script((FUTURES | MULTIPROCESSING)[name]))
    too_short = "ADV404" in {finding["code"] for finding in advice["findings"]}
    assert advice["cost"]["runs"] == (1 if too_short else 2)


@pytest.mark.parametrize(
    ("module", "given"),
    [
        ("pdb", "next\nprint(6 * 7)\ncontinue\nquit\n"),
        ("asyncio", "import asyncio\nawait asyncio.sleep(0.3)\nprint(6 * 7)\n"),
    ],
)
def test_program_that_is_talked_to_is_as_without_us(module: str, given: str, command: Command):
    arguments = [command.script("x = 1\nprint(x)\n")] if module == "pdb" else []
    advised(command, "-m", module, *arguments, given=given)
