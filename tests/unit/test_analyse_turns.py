"""Loops as functions of their items: what a turn is given and gives back, and which line says that it cannot be one."""

# ruff: noqa: E501, ISC004  # a script a line is easier to compare than one over many

from __future__ import annotations

import ast
import itertools
import textwrap
from pathlib import Path

import pytest

from advisor.analyse import source
from advisor.analyse.turns import outline
from advisor.model.outline import Outline, Refusal

numbers = itertools.count()


def found(text: str, folder: Path, *, place: int = 0) -> Outline | Refusal:
    """The loop number `place` of the source, by line."""
    file = folder / f"job{next(numbers)}.py"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    loops = [node for node in ast.walk(source.tree(str(file)) or ast.Module()) if isinstance(node, source.Loop)]
    loops.sort(key=lambda loop: (loop.lineno, loop.col_offset))
    return outline(str(file), loops[place])


# name -> (source, items, accumulators with their starts, fixed, outs)
INDEPENDENT = {
    "a sum": (
        "total = 0\nfor x in data:\n    y = x * 2\n    total += y\nprint(total)\n",
        ("x",), {"total": "value"}, (), ("total",),
    ),
    "a sum written out": (
        "for x in data:\n    total = total + x * scale\nscale = 2\nprint(total)\n",
        ("x",), {"total": "value"}, ("scale",), ("total",),
    ),
    "the largest": (
        "for x in data:\n    v = x * x\n    if best is None or v > best:\n        best, arg = v, x\nprint(best, arg)\n",
        ("x",), {"best": "value"}, (), ("arg", "best"),
    ),
    "the largest by max": ("for x in data:\n    best = max(best, x)\n", ("x",), {"best": "value"}, (), ("best",)),
    "results in a list": (
        "for x in data:\n    out.append(x + 1)\n    if x == 3:\n        continue\n    others.extend([x])\n",
        ("x",), {"out": "empty", "others": "empty"}, (), ("others", "out"),
    ),
    "how many there are is no matter": (
        "for x in data:\n    out.append(x)\n    print(len(out))\n", ("x",), {"out": "empty"}, (), ("out",),
    ),
    "counts": (
        "for w in words:\n    counts[w] = counts.get(w, 0) + 1\n", ("w",), {"counts": "slots"}, (), ("counts",),
    ),
    "counts seeded": (
        "for w in words:\n    if w not in counts:\n        counts[w] = 0\n    counts[w] += 1\n",
        ("w",), {"counts": "slots"}, (), ("counts",),
    ),
    "two counts in one mapping": (
        "for w in words:\n    n[w] = n.get(w, 0) + 1\n    n['all'] = n.get('all', 0) + 1\n",
        ("w",), {"n": "slots"}, (), ("n",),
    ),
    "groups": (
        "for k, v in pairs:\n    groups.setdefault(k, []).append(v)\n",
        ("k", "v"), {"groups": "neutral"}, (), ("groups",),
    ),
    "a cache that is pure": (
        "for x in data:\n    if x in cache:\n        y = cache[x]\n    else:\n        y = x * x\n        cache[x] = y\n"
        "    out.append(y)\n",
        ("x",), {"cache": "slots", "out": "empty"}, (), ("cache", "out"),
    ),
    "places of a row": (
        "def job(n, a):\n    out = [0] * n\n    for i in range(n):\n        out[i] = a[i] + a[i - 1]\n    return out\n",
        ("i",), {"out": "slots"}, ("a",), ("out",),
    ),
    "a picture made from another": (
        "def blur(img, h, w):\n    out = new(h, w)\n    for i in range(1, h):\n        for j in range(1, w):\n"
        "            out[i][j] = img[i][j] + img[i - 1][j]\n    return out\n",
        ("i",), {"out": "neutral"}, ("img", "w"), ("out",),
    ),
    "rows changed in place, each by itself": (
        "def double(grid, h, w):\n    for i in range(h):\n        row = grid[i]\n        for j in range(w):\n"
        "            row[j] = row[j] * 2\n",
        ("i",), {}, ("grid", "w"), (),
    ),
    "each key of a mapping": (
        "table = {}\nfor key in table:\n    table[key] = table[key] * 2\n", ("key",), {}, ("table",), (),
    ),
    "set before it is read": (
        "for x in data:\n    if x:\n        y = 1\n    else:\n        y = 2\n    out.append(y)\n",
        ("x",), {"out": "empty"}, (), ("out",),
    ),
    "the last one is used after the loop": (
        "for x in data:\n    y = x + 1\nprint(y)\n", ("x",), {}, (), ("y",),
    ),
    "errors caught inside": (
        "for a, (b, *c) in pairs:\n    try:\n        v = int(a)\n    except ValueError as error:\n        v = 0\n    out.append(v)\n",
        ("a", "b", "c"), {"out": "empty"}, (), ("out",),
    ),
    "a break of an inner loop": (
        "for x in data:\n    y = 0\n    for y in x:\n        if y:\n            break\n    out.append(y)\n",
        ("x",), {"out": "empty"}, (), ("out",),
    ),
    "a queue worked off": (
        "while queue:\n    job = queue.pop()\n    out.append(job * 2)\n", ("job",), {"out": "empty"}, (), ("out",),
    ),
    "a queue with a last item": (
        "while True:\n    job = q.get()\n    if job is None:\n        break\n    out.append(job)\n    q.task_done()\n",
        ("job",), {"out": "empty"}, (), ("out",),
    ),
    "a while that counts": (
        "i = 0\nn = 3\nwhile i < n:\n    out[i] = i * 2\n    i += 1\n",
        ("i",), {"out": "slots"}, (), ("i", "out"),
    ),
    "pieces of a file": (
        "while piece := file.read(10):\n    out.append(len(piece))\n", ("piece",), {"out": "empty"}, (), ("out",),
    ),
    "a comprehension": ("k = 2\nr = [x * k for x in data]\n", ("x",), {}, ("k",), ()),
    "a generator with two loops": ("r = sum(x * k for x in data for k in keys)\n", ("x", "k"), {}, (), ()),
    "an object that is added to": (
        "class Tally:\n    def run(self, data):\n        for x in data:\n            self.total += x\n", ("x",), {}, ("self",), (),
    ),
}  # fmt: skip

INDEPENDENT |= {
    "what cannot be read is passed over": (
        "v = 0\nfor line in lines:\n    try:\n        v = int(line)\n    except ValueError:\n        continue\n    out.append(v)\n",
        ("line",), {"out": "empty"}, (), ("out",),
    ),
    "an inner loop that sets": (
        "for x in data:\n    for k in range(9):\n        y = x + k\n    out.append(y)\n", ("x",), {"out": "empty"}, (), ("out",),
    ),
    "until it is found": (
        "y = 0\nfor x in data:\n    while True:\n        y = f(x)\n        if y:\n            break\n    out.append(y)\n",
        ("x",), {"out": "empty"}, (), ("out",),
    ),
    "one way goes on alone": (
        "y = 0\nfor x in data:\n    if x < 0:\n        continue\n    else:\n        y = x\n    out.append(y)\n",
        ("x",), {"out": "empty"}, (), ("out",),
    ),
    "one way raises": (
        "y = 0\nfor x in data:\n    if x:\n        y = x\n    else:\n        raise ValueError(x)\n    out.append(y)\n",
        ("x",), {"out": "empty"}, (), ("out",),
    ),
    "every case": (
        "y = 0\nfor x in data:\n    match x:\n        case 1:\n            y = 2\n        case _:\n            y = 3\n    out.append(y)\n",
        ("x",), {"out": "empty"}, (), ("out",),
    ),
    "a part of an item of another name": (
        "for body in bodies:\n    body.x = body.x + body.speed * 2\n", ("body",), {}, (), (),
    ),
}  # fmt: skip

# name -> (source, words of the reason)
DEPENDENT = {
    "the result is the next start": ("for i in data:\n    x = (x * 31 + 7) % 1009\n", "`x`, read at line 2"),
    "set later in the turn": ("for i in data:\n    out.append(y)\n    y = i\n", "`y`, read at line 2"),
    "set on one way only": ("for i in data:\n    if i:\n        y = i\n    out.append(y)\n", "`y`, read at line 4"),
    "a running sum that is read": ("for x in data:\n    total += x\n    out.append(total)\n", "`total`, read at line 2"),
    "the largest that decides": ("for x in data:\n    if x > best:\n        best = x\n        out.append(best)\n", "`best`"),
    "prefix sums": ("for x in data:\n    out.append(out[-1] + x)\n", "`out`, changed at line 2"),
    "neighbours in place": (
        "def job(g, n):\n    for i in range(1, n):\n        for j in range(n):\n            g[i][j] = g[i - 1][j]\n", "`g`",
    ),
    "neighbours by another name": (
        "def job(g, n):\n    for i in range(1, n):\n        row = g[i]\n        for j in range(n):\n"
        "            row[j] = row[j] + g[i - 1][j]\n",
        "`g`",
    ),
    "items changed while others are read": (
        "for row in grid:\n    row[0] = grid[-1][0] + 1\n", "`grid`, changed at line 2",
    ),
    "a state for each key": ("for k, x in data:\n    last[k] = last.get(k, 0) * 0.9 + x\n", "`last`"),
    "a set that is asked": (
        "for x in data:\n    if x in seen:\n        continue\n    seen.add(x)\n    out.append(x)\n",
        "`seen` is read at line 2",
    ),
    "a search that feeds its queue": (
        "while queue:\n    n = queue.popleft()\n    for m in graph[n]:\n        queue.append(m)\n", "line 4 uses it, too",
    ),
    "until it is exact enough": ("while error > limit:\n    error = error / 2\n", "`while error > limit`"),
    "a stack that is taken from": ("for x in data:\n    y = stack.pop() + x\n    out.append(y)\n", "line 2 takes from `stack`"),
    "sorted in between": ("for x in data:\n    heap.sort()\n    out.append(heap[0])\n", "line 2 takes from `heap`"),
    "ends early": ("for x in data:\n    if x > 3:\n        break\n", "`break` at line 3"),
    "returns from inside": ("def job(data):\n    for x in data:\n        if x:\n            return x\n", "`return` at line 4"),
    "an attribute that moves on": (
        "class Walk:\n    def run(self, data):\n        for x in data:\n            self.at = self.at * 2 + x\n", "`self.at`",
    ),
    "weights": ("for b in data:\n    w = w - rate * gradient(w, b)\nrate = 1\n", "`w`, read at line 2"),
}  # fmt: skip

DEPENDENT |= {
    "linked items": ("for node in nodes:\n    node.depth = f(node.parent.depth)\n", "`node.parent.depth`, read at line 2"),
    "linked rows": ("for row in rows:\n    row['t'] = row['before']['t'] + 1\n", "`row['before']['t']`"),
    "neighbours that come together": ("for a, b in zip(nodes, nodes[1:]):\n    b.v = f(a.v)\n", "`a.v`, read at line 2"),
    "a list that grows while it is gone through": ("for d in dirs:\n    dirs.append(d + 1)\n", "line 2 changes `dirs`"),
    "a setting changed now and then": (
        "for kind, i in lines:\n    if kind:\n        cfg.section = i\n    out.append(cfg.section + i)\n", "`cfg.section` is read",
    ),
    "two indices": (
        "i = 1\nj = 0\nwhile i < n:\n    a[i] = f(a[j])\n    i += 1\n    j += 1\n", "`a`",
    ),
    "an index set anew": ("for i in range(9):\n    i = i // 2\n    a[i] = a[i] * 3\n", "`a`"),
    "pages by what the last one said": (
        "while url:\n    page = store.get(url)\n    url = page['next']\n    out.append(page)\n", "`url`, by which the next turn",
    ),
    "a state in a walrus": ("while x := state:\n    out.append(x)\n    state = f(x)\n", "`state`, by which the next turn"),
    "a hash by hand": ("for b in blocks:\n    h ^= b\n    h *= 16777619\nprint(h)\n", "`h`, read at line 2"),
    "a sum that is cut": ("for x in data:\n    t += x\n    t = max(t, 0)\n", "`t`, read at line 2"),
    "greedy choice": ("for s, e in jobs:\n    if s >= end:\n        end = e\n        n = n + 1\n", "`end`"),
    "debounced": ("for t in times:\n    if t > until:\n        until = t + 60\n", "`until`"),
    "a rate by key": (
        "for t, k in events:\n    if t - last.get(k, 0) > 9:\n        last[k] = t\n        alerts.append(t)\n", "`last`",
    ),
    "how many there are decides": ("for x in data:\n    out.append(len(out) + x)\n", "`out`"),
    "a mean that fades": ("for k, x in data:\n    ema[k] *= 0.9\n    ema[k] += x\n", "`ema`"),
    "an inner turn that ends before it sets": (
        "for x in data:\n    for k in x:\n        if k:\n            continue\n        y = k\n    out.append(y)\n", "`y`, read at line 6",
    ),
    "stacks by key": ("for k in keys:\n    x = stacks[k].pop()\n    out.append(x)\n", "line 2 takes from `stacks`"),
    "a heap in the body": ("for x in data:\n    out.append(heapq.heappop(heap) + x)\n", "line 2 takes from `heap`"),
    "what was read before stays": (
        "v = 0\nfor x in data:\n    with suppress(ValueError):\n        v = int(x)\n    out.append(v)\n", "`v`",
    ),
}  # fmt: skip

NOT_TO_BE_TAKEN_OUT = {
    "a generator function": ("def job(data):\n    for x in data:\n        yield x * 2\n", "`yield` at line 3"),
    "a coroutine": ("async def job(data):\n    for x in data:\n        await send(x)\n", "`await` at line 3"),
    "its own frame": ("def job(data):\n    for x in data:\n        print(locals())\n", "`locals` at line 3"),
    "the class above": (
        "class A(B):\n    def job(self, data):\n        for x in data:\n            super().job(x)\n", "`super` at line 4",
    ),
    "attributes by name": ("for x in data:\n    setattr(o, 'v', f(o.v, x))\n", "`setattr` sets at line 2"),
    "no plain name": ("class A:\n    def job(self):\n        for self.x in data:\n            work()\n", "`self.x`"),
}  # fmt: skip


@pytest.mark.parametrize("name", INDEPENDENT)
def test_turns_that_do_not_need_each_other_become_a_function(name: str, tmp_path: Path):
    text, items, accumulators, fixed, outs = INDEPENDENT[name]
    loop = found(text, tmp_path)
    assert isinstance(loop, Outline), loop
    assert (loop.items, dict(loop.accumulators), loop.fixed) == (items, accumulators, fixed)
    assert set(outs) <= set(loop.outs)


@pytest.mark.parametrize("name", DEPENDENT)
def test_turns_that_need_the_ones_before_are_told_with_name_and_line(name: str, tmp_path: Path):
    text, words = DEPENDENT[name]
    loop = found(text, tmp_path)
    assert isinstance(loop, Refusal)
    assert loop.dependent
    assert words in loop.why


@pytest.mark.parametrize("name", NOT_TO_BE_TAKEN_OUT)
def test_what_cannot_stand_in_another_function_is_named(name: str, tmp_path: Path):
    text, words = NOT_TO_BE_TAKEN_OUT[name]
    loop = found(text, tmp_path)
    assert isinstance(loop, Refusal)
    assert not loop.dependent
    assert words in loop.why


def test_names_of_a_function_have_to_be_sent_and_those_of_a_module_do_not(tmp_path: Path):
    inside = found("def job(a, data):\n    for x in data:\n        print(a, x)\n", tmp_path)
    outside = found("a = 1\nfor x in data:\n    print(a, x)\n", tmp_path)
    assert isinstance(inside, Outline)
    assert isinstance(outside, Outline)
    assert (inside.fixed, inside.sent) == (("a",), ("a",))
    assert (outside.fixed, outside.sent) == (("a",), ())


def test_functions_and_modules_of_the_function_around_are_given_to_a_turn(tmp_path: Path):
    text = "def job(data):\n    import math\n    def twice(x):\n        return 2 * x\n    return [twice(x) + math.pi for x in data]\n"
    loop = found(text, tmp_path)
    assert isinstance(loop, Outline)
    assert loop.fixed == ("math", "twice")
