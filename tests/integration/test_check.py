"""`advise check` in real repositories: what it says of real changes, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import venv
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from checking import CERTAIN, FAST, SHORT_S, SLOW, SLOWER, Checks, changed
from repositories import Repository, plain_git  # noqa: F401  # a fixture of every test here


@pytest.fixture
def checks(tmp_path: Path, environment: dict[str, str]) -> Checks:
    return Checks(tmp_path, environment)


# --- scripts that behave oddly, the same in both arms

SHOUTS = "import sys\nprint('x' * 4_000_000)\nprint('y' * 4_000_000, file=sys.stderr)\n"
FORKS = """
import os
children = [os.fork() for _ in range(2)]
if 0 in children:
    os._exit(0)
for child in children:
    os.waitpid(child, 0)
"""
LEAVES_PROCESSES = """
import os, subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(sleep)
subprocess.Popen(sleep, start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, sleep)
"""
THREADS = """
import threading, time
threads = [threading.Thread(target=time.sleep, args=(0.02,)) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
FINDS_ITSELF = """
import os, pathlib, sys
here = pathlib.Path(__file__).resolve().parent
assert (here / "data.txt").read_text() == "data"
assert pathlib.Path("data.txt").read_text() == "data"
assert pathlib.Path(os.environ["PWD"], "data.txt").read_text() == "data"
assert os.path.samefile(os.environ["PWD"], os.getcwd())
assert pathlib.Path(sys.argv[0]).exists()
os.chdir("/")
"""
WRITES = """
import os
with open("written.txt", "a") as file:
    file.write("a line\\n")
os._exit(0)
"""
READS = "import sys\nassert sys.stdin.read() == ''\n"
DEAF = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.setpgid(0, 0)
"""
NOTHING = ""
BIMODAL = """
import os, time
runs = int(open("runs").read()) if os.path.exists("runs") else 0
open("runs", "w").write(str(runs + 1))
time.sleep((0.02, 0.12, 0.12, 0.02, 0.12)[runs % 5])
"""
DICE = """
import os, random, time
runs = int(open("count").read()) if os.path.exists("count") else 0
open("count", "w").write(str(runs + 1))
time.sleep(0.05 * random.Random(f"{runs} {os.path.exists('.git/HEAD')}").uniform(0.7, 1.3))
"""
ODD = {
    "leaves processes": LEAVES_PROCESSES, "shouts": SHOUTS, "forks": FORKS, "threads": THREADS,
    "finds itself": FINDS_ITSELF, "writes": WRITES, "deaf": DEAF + READS, "nothing": NOTHING,
}  # fmt: skip


@pytest.mark.parametrize("first", range(0, len(ODD), 4))
@pytest.mark.realtime
def test_a_script_that_behaves_oddly_passes_where_nothing_changed(checks: Checks, tmp_path: Path, first: int):
    names = [f"{name}.py" for name in list(ODD)[first : first + 4]]
    files = {f"{name}.py": text for name, text in ODD.items()} | {"data.txt": "data"}
    repository = changed(tmp_path / "repo", files, {"other.txt": "a change"})
    done = checks.check(repository, "--threshold", "100", "--budget", "6", *names)
    assert done.outcomes == dict.fromkeys(names, "pass"), done.ended.out
    assert done.code == 0


@pytest.mark.realtime
def test_a_script_that_takes_another_time_each_run_is_never_called_different(checks: Checks, tmp_path: Path):
    files = {"bimodal.py": BIMODAL, "dice.py": DICE}
    repository = changed(tmp_path / "repo", files, {"other.txt": ""})
    done = checks.check(repository, "--budget", "4", *CERTAIN, *files)
    assert set(done.outcomes.values()) <= {"pass", "inconclusive"}, done.ended.out
    assert done.code in {0, 5}


# --- what is said


@pytest.mark.realtime
def test_everybody_who_reads_a_check_is_served(checks: Checks, tmp_path: Path, repository: Path):
    slower = changed(tmp_path / "repo", {"script.py": FAST}, {"script.py": SLOWER})
    summary = tmp_path / "summary.md"
    summary.write_text("what an earlier step wrote\n")
    files = {name: tmp_path / "new folder" / name for name in ("markdown", "junit", "sarif")}
    options = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    before = slower.state
    done = checks.check(
        slower, *CERTAIN, *options, "script.py", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary)
    )
    assert (done.code, done.outcome) == (3, "regression")
    assert done.script("script.py")["ratio"]["low"] > 1.5
    assert "script.py" in (checks.out / "check.html").read_text()
    assert "regression" in files["markdown"].read_text().lower()
    suite = ET.fromstring(files["junit"].read_text())
    assert suite.find(".//failure") is not None
    sarif = json.loads(files["sarif"].read_text())
    jsonschema.validate(sarif, json.loads((repository / "tests/data/sarif-2.1.0.json").read_text()))
    place = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "script.py"
    assert summary.read_text().startswith("what an earlier step wrote\n")
    assert "script.py" in summary.read_text()
    assert "\n::error file=script.py,line=1," in done.ended.out
    assert slower.state == before


LIMITS = """
[tool.advise.check]
threshold = "30%"
scripts = [
    { path = "faster.py" },
    { path = "slower.py", name = "patient", threshold = "2000%" },
    { path = "slower.py", name = "warned", warn-only = true },
]
"""


@pytest.mark.realtime
def test_each_script_is_judged_by_its_own_limits(checks: Checks, tmp_path: Path):
    base = {"slower.py": FAST, "faster.py": SLOW, "pyproject.toml": LIMITS}
    repository = changed(tmp_path / "repo", base, {"slower.py": SLOW, "faster.py": FAST})
    done = checks.check(repository)
    assert done.outcomes == {"faster.py": "improvement", "patient": "pass", "warned": "regression"}
    assert (done.code, done.outcome) == (0, "regression")
    assert checks.check(repository, "--fail", "warned").code == 3


def test_a_budget_that_is_too_short_is_inconclusive_and_says_what_would_do(checks: Checks, tmp_path: Path):
    repository = changed(tmp_path / "repo", {"script.py": "import time\ntime.sleep(0.5)\n"}, {"other.txt": ""})
    done = checks.check(repository, "--budget", "1", "script.py")
    assert (done.code, done.outcome) == (5, "inconclusive")
    assert "--budget" in done.script("script.py")["reason"]


@pytest.mark.realtime
def test_more_memory_is_a_regression_though_it_is_as_fast(checks: Checks, tmp_path: Path):
    paced = "import time\ntime.sleep(0.1)\n"
    repository = changed(tmp_path / "repo", {"script.py": paced}, {"script.py": paced + "data = b'x' * 30_000_000\n"})
    done = checks.check(repository, "--threshold", "100", "script.py")
    assert (done.code, done.outcome) == (3, "regression")
    assert [rule["code"] for rule in done.result["scripts"][0]["rules"] if rule["guilty"]] == ["ADV502"]


# --- what cannot be measured is never called a regression

FAILS = "raise RuntimeError('not today')\n"
FLAKY = """
import os
runs = int(open("runs").read()) if os.path.exists("runs") else 0
open("runs", "w").write(str(runs + 1))
if runs == 3:
    raise RuntimeError("the fourth run")
"""
BROKEN = {  # base, head, what is said
    "broken in base.py": (FAILS, FAST, "base failed with exit code 1: RuntimeError: not today"),
    "broken in head.py": (FAST, FAILS, "head failed with exit code 1: RuntimeError: not today"),
    "broken in both.py": (FAILS, FAILS, "RuntimeError: not today"),
    "not python.py": (FAST, "def\n", "SyntaxError"),
    "on purpose.py": ("raise SystemExit(3)", "raise SystemExit(3)", "exit code 3"),
    "wants a terminal.py": ("import os\nos.get_terminal_size()\n", FAST, "OSError"),
    "asks.py": ("input()\n", FAST, "EOFError"),
    "kills itself.py": (FAST, "import os\nos.kill(0, 9)\n", "SIGKILL"),
    "flaky.py": (FLAKY, FLAKY, "RuntimeError: the fourth run"),
    "endless.py": (FAST, "import time\ntime.sleep(600)\n", "head failed with exit code 124"),
    "kills its parent.py": (FAST, "import os\nos.kill(os.getppid(), 9)\n", "gone"),
    "after that.py": (FAST, FAILS, "RuntimeError: not today"),
}


@pytest.mark.realtime
def test_what_is_broken_is_told_with_its_exception_and_is_no_regression(checks: Checks, tmp_path: Path):
    endless = "[[tool.advise.check.scripts]]\npath = 'endless.py'\ntimeout = 4\n"
    base, head = ({name: texts[arm] for name, texts in BROKEN.items()} for arm in (0, 1))
    repository = changed(tmp_path / "repo", base | {"pyproject.toml": endless}, head)
    done = checks.check(repository, *CERTAIN, *BROKEN)
    assert (done.code, done.outcomes) == (5, dict.fromkeys(BROKEN, "could-not-measure"))
    for name, (_, _, said) in BROKEN.items():
        assert said in done.script(name)["reason"], name


def test_a_script_or_module_that_is_new_has_nothing_to_be_compared_with(checks: Checks, tmp_path: Path):
    new = {"new.py": FAILS, "jobs/deep/new.py": FAST, "package/__init__.py": "", "package/__main__.py": FAILS}
    repository = changed(tmp_path / "repo", {"script.py": FAST}, new)
    done = checks.check(repository, "new.py", "jobs/deep/new.py", "-m", "package", "-m jobs.deep.new")
    assert (done.code, done.outcome) == (0, "pass")
    assert set(done.outcomes.values()) == {"not-comparable"}
    assert all(script["new"] for script in done.result["scripts"])


# --- what is said before anything runs


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gone.py",), "there is no gone.py"),
        (("--config", "wrong.toml", "script.py"), "unknown key `treshold`"),
        ((), "there is no script to check"),
        (("--json", "script.py/a.json", "script.py"), "cannot be written"),
        (("--history", "script.py/h.sqlite3", "script.py"), "cannot be written"),
    ],
)
def test_what_cannot_be_followed_is_a_usage_error(
    checks: Checks, tmp_path: Path, arguments: tuple[str, ...], said: str
):
    files = {"script.py": FAST, "wrong.toml": "[tool.advise.check]\ntreshold = '3%'\n"}
    repository = changed(tmp_path / "repo", files, {"other.txt": ""})
    before = repository.state
    ended = checks.run("--output", str(checks.out), *arguments, cwd=repository.path)
    assert (ended.code, ended.clean) == (2, True), ended.err
    assert said in ended.err
    assert "first run" not in ended.err
    assert repository.state == before


# --- which code runs

PACED = "import time\nfrom {module} import seconds\ntime.sleep(seconds)\n"
FAST_MODULE, SLOW_MODULE = "seconds = 0.01\n", "seconds = 0.1\n"


def slower_by_modules(path: Path, scripts: dict[str, str], *modules: str) -> Repository:
    """Only modules that the scripts import differ."""
    base, head = (dict.fromkeys(modules, text) for text in (FAST_MODULE, SLOW_MODULE))
    return changed(path, scripts | base, head)


def all_slower(checks: Checks, where: Repository | Path, *arguments: str, **variables: str) -> None:
    done = checks.check(where, *CERTAIN, *arguments, **variables)
    assert set(done.outcomes.values()) == {"regression"}, done.ended.out
    assert done.code == 3


@pytest.mark.realtime
def test_each_arm_imports_its_own_modules_wherever_they_are_on_the_path(
    checks: Checks, tmp_path: Path, environment: dict[str, str]
):
    scripts = {
        "beside.py": PACED.format(module="package"), "source.py": PACED.format(module="pkg"),
        "app/__main__.py": PACED.format(module="app.inner"), "app/__init__.py": "",
    }  # fmt: skip
    modules = ("package/__init__.py", "src/pkg/__init__.py", "app/inner.py")
    repository = slower_by_modules(tmp_path / "a repo", scripts, *modules)
    search_path = os.pathsep.join((str(repository.path / "src"), environment["PYTHONPATH"]))
    all_slower(checks, repository, "beside.py", "source.py", "-m", "app", PYTHONPATH=search_path)


def test_a_relative_search_path_starts_where_the_user_is(checks: Checks, tmp_path: Path, environment: dict[str, str]):
    config = "[[tool.advise.check.scripts]]\npath = 'source.py'\n"
    scripts = {"source.py": PACED.format(module="pkg"), "pyproject.toml": config}
    repository = slower_by_modules(tmp_path / "repo", scripts, "src/lib/pkg.py")
    all_slower(checks, repository.path / "src", PYTHONPATH=os.pathsep.join(("lib", environment["PYTHONPATH"])))


def test_a_project_installed_in_editable_mode_is_the_arms_own(checks: Checks, tmp_path: Path):
    repository = slower_by_modules(tmp_path / "repo", {"script.py": PACED.format(module="pkg")}, "src/pkg/__init__.py")
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    packages = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    (packages / "__editable__.pkg.pth").write_text(f"{repository.path / 'src'}\n")
    all_slower(checks, repository, "--python", "../venv/bin/python", "script.py")


@pytest.mark.realtime
def test_names_with_spaces_and_unicode_in_a_subfolder_with_data_arguments_and_input(checks: Checks, tmp_path: Path):
    script = """
import pathlib, sys, time
assert pathlib.Path("dätä/größe.txt").read_text() == "data"
assert sys.argv[1:] == ["--größe", "two words"]
time.sleep(float(sys.stdin.read()))
"""
    config = """
[tool.advise.check]
threshold = "30%"
share = ["untracked data"]
[[tool.advise.check.scripts]]
path = "das skript.py"
args = ["--größe", "two words"]
stdin = "dätä/ein gabe.txt"
[[tool.advise.check.scripts]]
path = "shared.py"
"""
    folder = "größe und länge"
    shared = "open('untracked data/large.bin').close()\n"
    base = {
        "das skript.py": script, "pyproject.toml": config, "dätä/größe.txt": "data", "dätä/ein gabe.txt": "0.01",
        "shared.py": shared + FAST, ".gitignore": "untracked data\n",
    }  # fmt: skip
    head = {"dätä/ein gabe.txt": "0.1", "shared.py": shared + SLOW}
    below = [{f"{folder}/{name}": text for name, text in files.items()} for files in (base, head)]
    repository = changed(tmp_path / "ein répo", *below)
    repository.put(f"{folder}/untracked data/large.bin", "large")
    all_slower(checks, repository.path / folder)


def test_input_that_base_has_not_is_told_and_other_scripts_go_on(checks: Checks, tmp_path: Path):
    config = """
scripts = [{ path = "reads.py", stdin = "input.txt" }, { path = "script.py" }]
"""
    files = {"reads.py": READS, "script.py": FAST, "pyproject.toml": f"[tool.advise.check]{config}"}
    repository = changed(tmp_path / "repo", files, {"input.txt": "", "script.py": SLOW})
    done = checks.check(repository, *CERTAIN)
    assert done.outcomes == {"reads.py": "could-not-measure", "script.py": "regression"}
    assert "input.txt" in done.script("reads.py")["reason"]
    assert done.code == 3


@pytest.mark.realtime
def test_uncommitted_changes_untracked_modules_and_submodules_are_measured(checks: Checks, tmp_path: Path):
    library = Repository.made(tmp_path / "library")
    library.commit(inner__py=FAST_MODULE)
    scripts = {"script.py": FAST, "uses.py": "import sys\nsys.path.append('library')\n" + PACED.format(module="inner")}
    repository = changed(tmp_path / "repo", scripts, {})
    repository.git("checkout", "--quiet", "main")
    repository.git("submodule", "add", "--quiet", library.path.as_uri(), "library")
    repository.commit()
    (repository.path / "library" / "inner.py").write_text(SLOW_MODULE)
    repository.write(script__py=PACED.format(module="untracked"), untracked__py=SLOW_MODULE)
    before = repository.state
    all_slower(checks, repository, "script.py", "uses.py")
    assert repository.state == before


@pytest.mark.realtime
def test_byte_code_that_only_head_has_does_not_count(checks: Checks, tmp_path: Path):
    large = "".join(f"def f{number}(a, b=1):\n    return [a, b, {number}]\n" for number in range(6000))
    files = {"script.py": "import large\n", "large.py": large}
    repository = changed(tmp_path / "repo", files, {".gitignore": "__pycache__\n"})
    writing = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", "import large"], cwd=repository.path, env=writing, check=True)
    assert (repository.path / "__pycache__").exists()
    done = checks.check(repository, "--threshold", "100", "--budget", "15", "script.py", PYTHONDONTWRITEBYTECODE="1")
    assert (done.code, done.outcome) == (0, "pass"), done.ended.out


# --- where it runs


def test_a_detached_head_is_compared_too_also_from_a_subfolder_and_through_a_link(checks: Checks, tmp_path: Path):
    repository = changed(tmp_path / "repo", {"jobs/script.py": FAST}, {"jobs/script.py": SLOW})
    repository.git("checkout", "--quiet", "--detach")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "link").symlink_to(repository.path)
    script = str(tmp_path / "deep" / "link" / "jobs" / "script.py")
    before = repository.state
    done = checks.check(repository.path / "jobs", *CERTAIN, "--warn-only", script)
    assert (done.code, done.outcome) == (0, "regression"), done.ended.out
    assert repository.state == before


def test_a_commit_hook_refuses_what_is_slower(checks: Checks, tmp_path: Path):
    repository = changed(tmp_path / "repo", {"script.py": FAST}, {"other.txt": ""})
    command = [sys.executable, "-m", "advisor", "check", *checks.options(), *CERTAIN, "script.py"]
    hook = repository.path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexec " + " ".join(f"'{part}'" for part in command) + "\n")
    hook.chmod(0o755)
    repository.put("script.py", SLOW)
    repository.git("add", "--all")
    commit = ["git", "commit", "--quiet", "--message", "slower"]
    done = subprocess.run(
        commit, cwd=repository.path, env=checks.environment, capture_output=True, text=True, check=False
    )
    assert json.loads((checks.out / "check.json").read_text())["outcome"] == "regression", done.stderr
    assert done.returncode != 0
    assert repository.git("status", "--porcelain") == "M  script.py"


def test_a_shallow_clone_says_how_to_fetch_the_rest(checks: Checks, tmp_path: Path):
    repository = changed(tmp_path / "repo", {"script.py": FAST}, {"script.py": SLOW})
    clone = repository.clone(tmp_path / "clone", "--depth=1", "--branch=feature")
    ended = checks.run(*checks.options(), "script.py", cwd=clone.path)
    assert (ended.code, ended.clean) == (5, True)
    assert "fetch-depth: 0" in ended.err


@pytest.mark.realtime
def test_without_git_runs_can_be_kept_and_compared_with(checks: Checks, tmp_path: Path):
    folder = tmp_path / "no repository"
    folder.mkdir()
    (folder / "script.py").write_text(FAST)
    ended = checks.run(*checks.options(), "script.py", cwd=folder)
    assert (ended.code, ended.clean) == (5, True)
    assert "--baseline FILE" in ended.err
    kept = tmp_path / "kept.json"
    stored = ("--threshold", "100", "--budget", "3", "--baseline", str(kept), "script.py")
    done = checks.check(folder, "--budget", "3", "--save", str(kept), "script.py")
    assert done.code == 0
    done = checks.check(folder, *stored)
    assert (done.code, done.outcome) == (0, "pass"), done.ended.out
    (folder / "script.py").write_text(SLOWER)
    done = checks.check(folder, *stored, "--budget", "10")
    assert (done.code, done.outcome) == (3, "regression"), done.ended.out
    doctored = json.loads(kept.read_text())
    doctored["scripts"][0]["argv"] = ["--small"]
    other = tmp_path / "other.json"
    other.write_text(json.dumps(doctored))
    done = checks.check(folder, "--baseline", str(other), "script.py")
    assert (done.code, done.outcome) == (5, "not-comparable")
    assert done.script("script.py")["reason"] == "another command: script.py --small then, script.py now"
    doctored["fingerprint"]["python"] = "CPython 2.7.18"
    kept.write_text(json.dumps(doctored))
    done = checks.check(folder, "--baseline", str(kept), "script.py")
    assert (done.code, done.outcome) == (5, "not-comparable")
    ended = checks.run(*checks.options(), "--save", str(kept), "gone.py", cwd=folder)
    assert (ended.code, "there is no gone.py" in ended.err) == (2, True)


# --- again and again


@pytest.mark.realtime
def test_a_second_check_on_the_default_branch_still_looks_at_the_last_commit(checks: Checks, tmp_path: Path):
    """What the first one wrote, and what the script writes, is no change to be checked."""
    repository = changed(tmp_path / "repo", {"script.py": FAST}, {"script.py": SLOW + "open('out.txt', 'w')\n"})
    repository.git("checkout", "--quiet", "-B", "main")
    repository.git("branch", "--quiet", "-D", "feature")
    options = ("--quick", "--budget", SHORT_S, *CERTAIN, "script.py")
    for _ in range(2):
        ended = checks.run("--json", str(checks.out / "a.json"), *options, cwd=repository.path)
        assert (ended.code, ended.clean) == (3, True), ended.err
    assert json.loads((checks.out / "a.json").read_text())["base"]["name"] == "HEAD^1"
    assert (repository.path / "reports/check.html").exists()
    listed = subprocess.run(
        [sys.executable, "-m", "advisor", "history", "--output", str(checks.out)],
        cwd=repository.path, env=checks.environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert listed.count("regression") == 2
    assert "script.py" in (checks.out / "history.html").read_text()


@pytest.mark.realtime
def test_init_writes_what_a_check_reads(checks: Checks, tmp_path: Path):
    repository = changed(tmp_path / "repo", {"script.py": FAST, "pyproject.toml": "[project]\n"}, {"script.py": SLOW})
    assert checks.run("--init", "script.py", cwd=repository.path).code == 0
    assert (repository.path / "pyproject.toml").read_text().startswith("[project]\n")
    all_slower(checks, repository)


def test_init_writes_paths_as_seen_from_the_file_it_writes_to(checks: Checks, tmp_path: Path):
    file, below = tmp_path / "pyproject.toml", tmp_path / "jobs"
    below.mkdir()
    assert checks.run("--init", "--config", "../pyproject.toml", "report.py", cwd=below).code == 0
    assert 'path = "jobs/report.py"' in file.read_text()
    file.write_bytes(b"name = '\xe9'\n")
    ended = checks.run("--init", "--config", "../pyproject.toml", "report.py", cwd=below)
    assert (ended.code, "cannot be read" in ended.err) == (2, True)


def test_two_checks_at_once_both_end_well(checks: Checks, tmp_path: Path):
    repository = changed(tmp_path / "repo", {"script.py": FAST}, {"script.py": SLOW})
    before = repository.state
    options = ("--quick", "--budget", SHORT_S, "--threshold", "20", "--output", str(checks.out), "script.py")
    history = ("--history", str(tmp_path / "history.sqlite3"))
    started = [checks.start(*options, *history, cwd=repository.path) for _ in range(2)]
    ended = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [3, 3], ended
    assert checks.end(started[0]).clean
    assert repository.state == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_check_ended_in_the_middle_leaves_nothing(checks: Checks, tmp_path: Path, number: signal.Signals):
    files = {"script.py": LEAVES_PROCESSES + "import time; time.sleep(600)\n", "quick.py": FAILS}
    repository = changed(tmp_path / "repo", files, {"other.txt": ""})
    before = repository.state
    ended = checks.stop(number, repository, "first run of base", "script.py")
    assert (ended.code, ended.processes) == (-number if number == signal.SIGKILL else 128 + number, ())
    assert "fault in advise" not in ended.err
    if number == signal.SIGKILL:
        assert checks.check(repository, "quick.py").outcome == "could-not-measure"
    assert list(checks.temporary.iterdir()) == []
    assert repository.state == before


@pytest.mark.realtime
def test_a_base_that_runs_heads_code_is_not_measured(checks: Checks, tmp_path: Path) -> None:
    """By a path of its own making; no installed package tells of it."""
    source = f"import sys\nsys.path.insert(0, {str(tmp_path / 'repo' / 'lib')!r})\nimport work\nwork.work()\n"
    work = "import time\ndef work():\n    time.sleep(0.4)\n"
    repository = changed(tmp_path / "repo", {"script.py": source, "lib/work.py": work}, {"lib/work.py": work + "#\n"})
    done = checks.check(repository, "script.py", "--threshold", "30", quick=False)
    assert (done.code, done.outcome) == (5, "could-not-measure"), done.ended.out
    assert "base ran head's code" in done.ended.out
