"""What calls share and change: told with names, and told apart from what threads may do as it is."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest
from scenes import recorded

from advisor.analyse.safety import assess
from advisor.analyse.shared import SharedState, shared_state
from advisor.model.ledger import Ledger

# name -> (source of the callee, what run 2 saw, what is to be said)
CHANGED = {
    "a counter on the object": ("def work(self, n):\n    self.total += n", {}, "self.total (line 2)"),
    "a global counter": ("def work(n):\n    global total\n    total += n", {}, "global total (line 3)"),
    "an enclosed counter": ("def work(n):\n    nonlocal seen\n    seen = seen + 1", {}, "enclosing variable seen"),
    "a count by key": ("def work(w):\n    COUNTS[w] += 1", {"by_key": ("global COUNTS",)}, "global COUNTS"),
    "a count by key, read apart": (
        "def work(w):\n    COUNTS[w] = COUNTS[w] + 1", {"by_key": ("global COUNTS",)}, "global COUNTS",
    ),
    "on a rare branch": (
        "def work(self, n):\n    if n > 10 ** 9:\n        self.big += 1", {}, "self.big (line 3)",
    ),
    "in a try": ("def work(self, n):\n    try:\n        pass\n    except E:\n        self.bad += 1", {}, "self.bad"),
    "a class attribute": ("def work(self, n):\n    Job.count += 1", {}, "Job.count (line 2)"),
    "seen, without source": ("", {"mutated": ("global state['n']",)}, "global state['n']"),
    "seen, in a function called": ("def work(n):\n    helper(n)", {"mutated": ("global STATS",)}, "global STATS"),
    "guarded once of twice": (
        "def work(self, n):\n    with self.lock:\n        self.n += 1\n    self.n += 1",
        {"mutated": ("self.n",)}, "self.n",
    ),
}  # fmt: skip

NOT_CHANGED = {
    "a local accumulator": ("def work(n):\n    total = 0\n    for i in range(n):\n        total += i", {}),
    "a global that is only read": ("def work(n):\n    return LIMIT + n", {}),
    "an attribute that is only read": ("def work(self, n):\n    return self.rate * n", {}),
    "a list of its own": ("def work(n):\n    out = [0] * n\n    out[0] += 1\n    return out", {}),
    "its argument's parts": ("def work(row):\n    row[0] += 1\n    row.n = 2", {}),
    "a cache that is pure": ("def work(n):\n    CACHE[n] = n * n\n    return CACHE[n]", {"grown": ("global CACHE",)}),
    "collected": ("def work(n):\n    RESULTS.append(n)", {"grown": ("global RESULTS",)}),
    "a key of its own": ("def work(i):\n    OUT[i] = i * i", {"by_key": ("global OUT",)}),
    "a counter under a lock": (
        "def work(self, n):\n    with self._lock:\n        self.n += 1", {"mutated": ("self.n",)},
    ),
    "a function inside that is not run": ("def work(n):\n    def later(self):\n        self.n += 1\n    return n", {}),
    "a generator's state": ("def work(n):\n    return random.random()", {"mutated": ("the state of random",)}),
}  # fmt: skip


def state_of(tmp_path: Path, code: str, seen: dict) -> SharedState:
    file = tmp_path / "job.py"
    file.write_text(textwrap.dedent(code))
    place = {"revisited": ("self",)}
    place |= {"callee_file": str(file), "callee_line": 1} if code else {"callee_file": None, "callee_line": None}
    assert ast.parse(file.read_text()) is not None
    return shared_state(recorded(file=str(file), **(place | seen)))


@pytest.mark.parametrize("name", CHANGED)
def test_what_is_read_and_set_again_is_changed(tmp_path: Path, name: str):
    code, seen, told = CHANGED[name]
    assert [each for each in state_of(tmp_path, code, seen).changed if each.startswith(told)]


def test_what_each_object_keeps_for_itself_is_not_shared(tmp_path: Path):
    code, *_ = CHANGED["a counter on the object"]
    assert state_of(tmp_path, code, {"revisited": ()}).changed == ()


@pytest.mark.parametrize("name", NOT_CHANGED)
def test_what_threads_may_do_is_not(tmp_path: Path, name: str):
    code, seen = NOT_CHANGED[name]
    assert state_of(tmp_path, code, seen).changed == ()


@pytest.mark.parametrize("name", ["a cache that is pure", "collected", "a key of its own", "a counter under a lock"])
def test_what_processes_would_not_share_stays_in_this_one(tmp_path: Path, name: str):
    code, seen = NOT_CHANGED[name]
    file = tmp_path / "job.py"
    file.write_text(code)
    told = assess(recorded(file=str(file), callee_file=str(file), callee_line=1, **seen), Ledger())
    assert (told.status, told.workers) == ("safe", "threads")
    assert "processes would not share" in told.reasons[0]
