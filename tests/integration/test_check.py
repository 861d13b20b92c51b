"""`advise check` in real repositories: what it says of real changes, and that nothing of it stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import CERTAIN, FAST, SLOW, Checks, changed
from repositories import plain_git

__all__ = ["plain_git"]


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
MOVES = "import os\nos.chdir('/')\nopen('/dev/null').close()\n"
FINDS_ITSELF = """
import os, pathlib, sys
here = pathlib.Path(__file__).resolve().parent
assert (here / "data.txt").read_text() == "data"
assert pathlib.Path("data.txt").read_text() == "data"
assert pathlib.Path(os.environ["PWD"], "data.txt").read_text() == "data"
assert os.path.samefile(os.environ["PWD"], os.getcwd())
assert pathlib.Path(sys.argv[0]).exists()
"""
WRITES = "open('written.txt', 'a').write('a line\\n')\nopen('data.txt').read()\n"
ENDS_AT_ONCE = "import os, sys\nprint('bye')\nos._exit(0)\n"
GROUP = "import os, time\nos.setpgid(0, 0)\ntime.sleep(0.02)\n"
DEAF = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(0.02)\n"
READS = "import sys\nassert sys.stdin.read() == ''\n"
NOTHING = ""
BIMODAL = """
import os, time
runs = int(open("runs").read()) if os.path.exists("runs") else 0
open("runs", "w").write(str(runs + 1))
time.sleep((0.02, 0.12, 0.12, 0.02, 0.12)[runs % 5])
"""
RANDOM = """
import os, random, time
runs = int(open("count").read()) if os.path.exists("count") else 0
open("count", "w").write(str(runs + 1))
time.sleep(0.05 * random.Random(f"{runs} {os.path.exists('.git/HEAD')}").uniform(0.7, 1.3))
"""
ODD = {
    "leaves processes": LEAVES_PROCESSES, "shouts": SHOUTS, "forks": FORKS, "threads": THREADS, "moves": MOVES,
    "finds itself": FINDS_ITSELF, "writes": WRITES, "ends at once": ENDS_AT_ONCE, "group": GROUP, "deaf": DEAF,
    "reads": READS, "nothing": NOTHING, "bimodal": BIMODAL, "dice": RANDOM,
}  # fmt: skip


@pytest.mark.parametrize("first", range(0, len(ODD), 4))
def test_a_script_that_behaves_oddly_passes_where_nothing_changed(checks: Checks, tmp_path: Path, first: int):
    names = list(ODD)[first : first + 4]
    files = {f"{name}.py": ODD[name] for name in names} | {"data.txt": "data"}
    repository = changed(tmp_path / "repo", files, {"other.txt": "a change"})
    done = checks.check(repository, *CERTAIN, *(f"{name}.py" for name in names))
    assert done.outcomes == {f"{name}.py": "pass" for name in names}, done.result
    assert done.code == 0


def test_x(checks: Checks, tmp_path: Path):
    repository = changed(tmp_path / "repo", {"script.py": FAST}, {"script.py": SLOW})
    done = checks.check(repository, *CERTAIN, "script.py")
    assert (done.code, done.outcome) == (3, "regression")
