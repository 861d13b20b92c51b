"""Loops that compute in place, with a turn made a function: scripts print the same with the change made."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from builders import hybrid, processes, threads
from hypothesis import given, settings
from hypothesis import strategies as st
from rewritten import applied, call_site, change, loop_site, printed, script
from test_turns_by_execution import STATEFUL, TURNS, start

from advisor.model.trial import WorkerMix
from advisor.recommend.snippet import compiles

WRITTEN = {
    "a sum of inner loops": (
        (
            "t = 0.1\nfor x in range(6):\n    a = 0\n    for j in range(x):\n"
            "        a += j / (x + 1)\n    t += a\nprint(t)"
        ),
        "t += a",
    ),
    "the value moved": (
        ("t = 0\nfor x in range(6):\n    t += sum(j * x for j in range(x))\nprint(t)"),
        "return sum(j * x for j in range(x))",
    ),
    "nothing that a turn made is used": (
        "n = 0\nfor x in range(6):\n    y = [j * x for j in range(x)]\n    n += 1\nprint(n)",
        "for _ in pool.map(turn, range(6)):",
    ),
    "nothing but the item is used": (
        "n = 0\nfor x in range(6):\n    y = [j * x for j in range(x)]\n    n += x\nprint(n)",
        "for x, _ in zip(range(6), pool.map(turn, range(6))):",
    ),
    "no more is sent than is used": (
        "t = 0\nfor x in range(6):\n    y = [j * x for j in range(x)]\n    t += sum(y)\nprint(t)",
        "    return sum(y)",
    ),
    "the item kept": (
        (
            "out = []\nfor x in range(6):\n    s = [j * x % 5 for j in range(x)]\n"
            "    s.sort()\n    out.append((x, s))\nprint(out)"
        ),
        "for x, s in zip(range(6), pool.map(turn, range(6))):",
    ),
    "a comprehension": (
        "print([sum(j * x for j in [1, 2]) for x in range(6)])",
        "list(pool.map(turn, range(6)))",
    ),
    "a generator summed up": (
        "print(sum(x * x % 7 for x in range(6) if x % 2))",
        "sum(pool.map(turn, items))",
    ),
    "two names an item": (
        ("d = {}\nfor k, v in {1: 2, 3: 4}.items():\n    d[k] = v * v + k\nprint(d)"),
        "for (k, v), value in zip(",
    ),
    "counted inside": (
        (
            "hits = 0\nfor x in range(30):\n    for y in range(x):\n"
            "        if x * y % 7 == 1:\n            hits += 1\nprint(hits)"
        ),
        "hits += hits_part",
    ),
    "listed inside": (
        (
            "out = []\nn = 0\nfor x in range(9):\n    for y in range(x):\n"
            "        if x * y % 7 == 1:\n            out.append((x, y))\n            n += 1\n"
            "print(out, n)"
        ),
        "out.extend(out_part)",
    ),
    "the largest kept": (
        (
            "best = None\nfor x in range(5):\n    v = (x * 7) % 5\n    w = v * 2\n"
            "    if best is None or w > best:\n        best = w\nprint(best, w)"
        ),
        "for w in pool.map(turn, range(5)):",
    ),
    "printed in order": (
        "for x in range(5):\n    v = x * x\n    print(x, v)",
        "for x, v in zip(",
    ),
    "with names of a function": (
        (
            "def main(xs, k):\n    out = []\n    for x in xs:\n        v = x\n"
            "        for j in range(9):\n            v = v * k % 11\n        out.append(v)\n"
            "    return out\nprint(main([1, 2, 3], 5))"
        ),
        "def turn(",
    ),
    "of a method": (
        (
            "class A:\n    k = 3\n    def run(self):\n        for x in range(4):\n"
            "            v = x * self.k\n            v = v ** 2\n            self.last = v\n"
            "            print(v)\nA().run()"
        ),
        "self.k",
    ),
}
NONE = {
    "sums of fractions inside": ("t = 0.0\nfor x in range(6):\n    for j in range(x):\n        t += j / 7\nprint(t)"),
    "a turn prints": "for x in range(5):\n    for j in range(x):\n        print(x, j)",
    "rows changed in place": "g = [[1, 2], [3]]\nfor row in g:\n    row.append(sum(row))\nprint(g)",
    "a turn reads what another added": "t = 0\nfor x in range(5):\n    v = x * t\n    t += v + 1\nprint(t)",
    "under another name": (
        "g = [0] * 5\nfor x in range(5):\n    h = g\n    h[x] = h[x - 1] + 1\n    y = h[0]\nprint(g)"
    ),
    "a name that may not be set": (
        "for x in range(5):\n    if x % 2:\n        y = x * x\n    z = x + 1\n    print(z)\nprint(y)"
    ),
    "a global read by a function": (
        "def shown():\n    return v\nfor x in range(5):\n    v = x * x\n    w = shown()\n    print(w)"
    ),
}


def loop_line(text: str) -> int:
    """The first line of the outermost loop."""
    lines = text.splitlines()
    words = ("for ", "print([", "print(sum(")
    return next(at for at, line in enumerate(lines, 1) if line.strip().startswith(words))


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("mix", [threads(1), threads(3), threads(2, chunk=4)], ids=str)
def test_a_turn_made_a_function_changes_no_output(name: str, mix: WorkerMix, tmp_path: Path):
    text, wanted = WRITTEN[name]
    file = script(tmp_path, text)
    site = loop_site(file, loop_line(text))
    assert site is not None
    found = change(site, mix)
    assert found is not None
    if mix.chunk == 1:
        assert wanted in found.snippet
    assert compiles(found.snippet)
    assert printed(applied(file, found)) == printed(text)


@pytest.mark.parametrize("name", NONE)
def test_no_turn_is_made_a_function_where_output_may_differ(name: str, tmp_path: Path):
    file = script(tmp_path, NONE[name])
    site = loop_site(file, loop_line(NONE[name]))
    assert site is None or change(site) is None


@pytest.mark.parametrize("mix", [processes(2), processes(2, chunk=3), hybrid(2, 2)], ids=str)
@pytest.mark.parametrize("name", ["with names of a function", "counted inside", "a comprehension", "of a method"])
def test_processes_give_the_same(name: str, mix: WorkerMix, tmp_path: Path):
    text = WRITTEN[name][0]
    file = script(tmp_path, text)
    site = loop_site(file, loop_line(text))
    assert site is not None
    found = change(site, mix)
    assert found is not None
    assert run(applied(file, found), tmp_path) == printed(text)


@pytest.mark.parametrize("mix", [processes(2), processes(2, chunk=3), hybrid(2, 2)], ids=str)
def test_calls_on_processes_give_the_same(mix: WorkerMix, tmp_path: Path):
    text = (
        "def work(x, y):\n    return x * y\n\n"
        "def main():\n    t = 0\n    for x in range(7):\n        t += work(x, 2) / 7\n    print(t)\nmain()\n"
    )
    file = script(tmp_path, text)
    found = change(call_site(file), mix)
    assert found is not None
    assert run(applied(file, found), tmp_path) == printed(text)


@pytest.mark.parametrize("name", ["job", "group", "threads", "futures", "future"])
def test_a_function_of_any_name_is_run_by_the_threads_of_processes(name: str, tmp_path: Path):
    loop = f"out = []\nfor x in range(7):\n    out.append({name}(x, 2))\nprint(out)\n"
    text = f"def {name}(x, y):\n    return x * y\n\n{loop}"
    file = script(tmp_path, text)
    found = change(call_site(file, name), hybrid(2, 2))
    assert found is not None
    assert run(applied(file, found), tmp_path) == printed(text)


def run(text: str, folder: Path) -> str:
    file = folder / "changed.py"
    file.write_text(text)
    return subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True).stdout


@settings(max_examples=300, deadline=None)
@given(st.lists(STATEFUL, min_size=1, max_size=6), st.sampled_from([1, 3]), st.sampled_from([1, 2]), st.booleans())
def test_a_turn_of_any_loop_made_a_function_changes_no_output(body: list[str], workers: int, chunk: int, shown: bool):
    names = "\n".join(f"{name} = {value!r}" for name, value in start().items())
    every = [*body, *(["print(i, a, b)"] if shown else [])]
    lines = "".join(f"    {line}\n" for statement in every for line in statement.splitlines())
    text = f"{names}\nfor i in range({TURNS}):\n{lines}print(a, b, c, total, best, out, g, n)\n"
    with tempfile.TemporaryDirectory() as folder:
        file = script(Path(folder), text)
        site = loop_site(file, len(names.splitlines()) + 1)
        found = change(site, threads(workers, chunk)) if site is not None else None
        if found is not None:
            new = applied(file, found)
            assert printed(new) == printed(text), new
