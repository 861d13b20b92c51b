"""Which loops hand one call's result to the next one, told from the source alone."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest
from scenes import recorded

from advisor.analyse.dependence import carried
from advisor.analyse.safety import assess
from advisor.model.ledger import Ledger
from advisor.model.recording import Effect

DEPENDENT = {
    "the result is the next argument": ("x = 1\nfor i in range(9):\n    x = step(x)", "x at line 3"),
    "by way of another name": ("page = 1\nwhile page:\n    doc = step(page)\n    page = doc['next']", "page at line 4"),
    "swapped in a tuple": ("a = b = 0\nfor i in range(9):\n    a, b = b, step(a, b)", "b at line 3"),
    "two turns apart": ("a = b = 0\nfor i in range(9):\n    a = step(a)\n    a, b = b, a", "a at line 4"),
    "added up and read back": ("t = 0\nfor i in range(9):\n    t += step(i, t)", "t at line 3"),
    "an attribute": ("for i in range(9):\n    self.state = step(self.state)", "self.state at line 2"),
    "the whole object": ("for i in range(9):\n    self.state = step(self)", "self at line 2"),
    "on one branch only": ("x = 0\nfor i in range(9):\n    y = step(x)\n    if y:\n        x = y", "x at line 5"),
    "the element before": ("for i in range(1, 9):\n    grid[i] = step(grid[i - 1])", "grid[i - 1] at line 2"),
    "a frontier that grows": (
        "todo = [1]\nwhile todo:\n    url = todo.pop()\n    todo.extend(step(url))", "url at line 3"
    ),
    "a walrus in the test": ("x = 0\nwhile (x := step(x)) < 9:\n    pass", "x at line 2"),
    "an element set and read in the same turn": (
        "x = 0\nfor i in rows:\n    d[i] = step(x)\n    x = d[i]", "x at line 4"
    ),
    "an attribute of the element before": (
        "for i in range(1, 9):\n    cells[i].v = step(cells[i - 1].v)", "cells[i - 1].v at line 2"
    ),
    "added to the element before": (
        "for i in range(1, 9):\n    rows[i].append(step(rows[i - 1]))", "rows[i - 1] at line 2"
    ),
    "added to a group and looked up": (
        "for k, v in pairs:\n    groups.setdefault(k, []).append(step(groups))", "groups at line 2"
    ),
    "an element that may be set afresh": (
        "for i in range(9):\n    if i:\n        d[i] = load(i)\n    d[i + 1] = step(d[i])", "d[i] at line 4"
    ),
    "an index that comes again": ("for i in range(9):\n    d[i % 3] = step(d[i % 3])", "d[i % 3] at line 2"),
    "an index with a part that is set anew": (
        "for i in rows:\n    k = load(i)\n    d[i + k] = step(d[i + k])", "d[i + k] at line 3"
    ),
    "an index that is set anew": ("for i in rows:\n    i = 0\n    d[i] = step(d[i])", "d[i] at line 3"),
    "a row that overlaps": ("for i in range(9):\n    d[i:i + 2] = step(d[i:i + 2])", "d[i:i + 2] at line 2"),
    "the element after, downwards": ("for i in range(9, 0, -1):\n    d[i] = step(d[i + 1])", "d[i + 1] at line 2"),
    "on from a continue": (
        "x = 0\nfor i in rows:\n    x = step(x)\n    if x:\n        continue\n    x = 0", "x at line 3"
    ),
    "in an inner loop that may not run": (
        "x = 0\nfor i in rows:\n    x = step(x)\n    for x in i:\n        pass", "x at line 3"
    ),
    "in a body that may fail half-way": (
        "x = 0\nfor i in rows:\n    x = step(x)\n    try:\n        x = load(i)\n    except E:\n        pass",
        "x at line 3",
    ),
    "by way of a method that gives it": (
        "class B:\n def take(self, v): self.v = v\n def now(self): return self.v\nfor i in s:\n b.take(step(b.now()))",
        "b.now() at line 5",
    ),
    "through a with and a try": (
        "x = 0\nfor i in range(9):\n    try:\n        with lock:\n            x = step(x)\n    except E:\n        pass",
        "x at line 5",
    ),
}  # fmt: skip

INDEPENDENT = {
    "collected": "for i in rows:\n    out.append(step(i))",
    "added up": "for i in rows:\n    total += step(i)",
    "counted": "for i in rows:\n    n += 1\n    r = step(i, n)",
    "stored by key": "for k in rows:\n    d[k] = step(k)",
    "element by element": "for k in rows:\n    d[k] = step(d[k])",
    "row by column": "for i in rows:\n    for j in cols:\n        grid[i][j] = step(grid[i - 1][j])",
    "the largest": "for i in rows:\n    r = step(i)\n    best = max(best, r)",
    "set afresh each turn": "for i in rows:\n    x = load(i)\n    x = step(x)",
    "two entries of one dict": "for i in rows:\n    d['last'] = step(d['rate'])",
    "an entry set afresh each turn": "for i in rows:\n    d['x'] = load(i)\n    d['x'] = step(d['x'])",
    "an element set afresh before it is read": "for i in range(9):\n    d[i] = load(i)\n    d[i + 1] = step(d[i])",
    "the element after, upwards": "for i in range(9):\n    d[i] = step(d[i + 1])",
    "an attribute of the element": "for i, cell in enumerate(cells):\n    cells[i].v = step(cells[i].w)",
    "looked up and set": "for word in words:\n    d[word] = step(d.get(word, 0))",
    "left by a break": "x = 0\nfor i in rows:\n    y = step(x)\n    if y:\n        x = y\n        break",
    "kept by a method": (
        "class Crawler:\n    def fetch_step(self, url):\n        return self.agent + url\n"
        "    def save(self, page):\n        self.pages.append(page)\n    def run(self):\n"
        "        for url in self.urls:\n            self.save(self.fetch_step(url))"
    ),
    "a comprehension": "out = [step(i) for i in rows]",
    "how many there are": "for i in rows:\n    out.append(step(i, len(out)))",
    "once for the loop": "for i in step(rows):\n    use(i)",
    "no loop": "x = step(x)",
    "in another function": "for i in rows:\n    def f(x):\n        x = step(x)",
    "inside an outer iteration": "for it in turns:\n    x = [step(v) for v in x]",
}


def reasons(tmp_path: Path, code: str, **fields: object):
    file = tmp_path / "job.py"
    file.write_text(textwrap.dedent(code))
    call = next(
        node for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("step")
    )  # fmt: skip
    place = {
        "line": call.lineno,
        "end_line": call.end_lineno,
        "column": call.col_offset,
        "callee": ast.unparse(call.func),
    }
    return recorded(file=str(file), **(place | {"callee_file": None, "callee_line": None} | fields))


@pytest.mark.parametrize("name", DEPENDENT)
def test_a_loop_that_reads_back_is_dependent_and_says_where(tmp_path: Path, name: str):
    code, where = DEPENDENT[name]
    found = carried(reasons(tmp_path, code))
    assert any(reason.startswith(where) for reason in found), found


@pytest.mark.parametrize("name", INDEPENDENT)
def test_collecting_results_is_no_dependence(tmp_path: Path, name: str):
    assert carried(reasons(tmp_path, INDEPENDENT[name])) == ()


@pytest.mark.parametrize(
    ("reads", "told"),
    [("self.agent", ()), ("self.pages[-1]", ("self.pages at line 8 is the result of the call before",))],
)
def test_a_method_may_keep_results_where_the_call_does_not_look(tmp_path: Path, reads: str, told: tuple[str, ...]):
    code = INDEPENDENT["kept by a method"].replace("self.agent", reads)
    place = reasons(tmp_path, code)
    assert carried(reasons(tmp_path, code, callee_file=place.file, callee_line=2)) == told


SOLVER = """
class Solver:
    def step(self, dt):
        new = self.x + dt
        self.x = new

    def cached_step(self, key):
        self.hits += 1
        if self.conn is None:
            self.conn = connect()
        return self.conn.get(key)

solver = Solver()
for i in range(9):
    solver.{method}(i)
"""


def test_a_method_that_advances_its_object_is_dependent(tmp_path: Path):
    place = reasons(tmp_path, SOLVER.format(method="step"))
    found = carried(reasons(tmp_path, SOLVER.format(method="step"), callee_file=place.file, callee_line=3))
    assert found == ("solver.step sets solver.x at line 5 from what the call before left there",)


def test_a_counter_or_a_connection_made_on_first_use_is_not(tmp_path: Path):
    place = reasons(tmp_path, SOLVER.format(method="cached_step"))
    assert carried(reasons(tmp_path, SOLVER.format(method="cached_step"), callee_file=place.file, callee_line=7)) == ()


def test_results_seen_in_later_arguments_are_a_witness_without_source():
    safety = assess(recorded(file="/nowhere.py", reused_results=59), Ledger())
    assert safety.status == "dependent"
    assert "59 of 60 calls" in safety.reasons[0]


def test_effects_withhold_and_name_what_was_touched():

    record = recorded(file="/nowhere.py", effects=(Effect(kind="file-write", detail="/tmp/out.csv", times=50),))
    assert assess(record, Ledger()).status == "withheld"
    assert "/tmp/out.csv" in assess(record, Ledger()).reasons[0]
    assert assess(record, Ledger(), replay="all").status == "safe"


def test_changed_state_is_unsafe_and_random_state_is_not():
    assert assess(recorded(file="/nowhere.py", mutated=("self.total",)), Ledger()).status == "unsafe"
    assert assess(recorded(file="/nowhere.py", mutated=("the state of random",)), Ledger()).status == "safe"


def test_nothing_recorded_is_unknown():
    assert assess(None, Ledger()).status == "unknown"
    assert assess(recorded(file="/nowhere.py", sampled=0), Ledger()).status == "unknown"


def test_network_waits_without_a_request_seen_are_withheld():
    silent = assess(recorded(file="/nowhere.py"), Ledger(network=0.6, python=0.4))
    assert silent.status == "withheld"
    assert "60%" in silent.reasons[0]
    assert assess(recorded(file="/nowhere.py", safe_requests=50), Ledger(network=1.0)).status == "safe"
