"""Loops of many shapes, run as they are and with the change made: both print the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from builders import threads
from hypothesis import given, settings
from hypothesis import strategies as st
from rewritten import applied, call_site, change, printed, script

from advisor.recommend.snippet import compiles

WORK = "def work(*given, **named):\n    return sum(given) * 3 + sum(named.values())\n\n"
BAD = "def work(x):\n    if x == 3:\n        raise ValueError(x)\n    return x * 2\n\n"

WRITTEN = {
    "results appended": (
        "out = []\nfor x in range(9):\n    out.append(work(x))\nprint(out)",
        "out = list(pool.map(",
    ),
    "begun elsewhere": (
        ("out = []\nprint('go')\nfor x in range(9):\n    out.append(work(x))\nprint(out)"),
        "out.extend(pool.map(",
    ),
    "list comprehension": (
        "out = [work(x) for x in range(9)]\nprint(out)",
        "out = list(pool.map(work, range(9)))",
    ),
    "set comprehension": (
        "print(sorted({work(x) for x in [3, 1, 3]}))",
        "set(pool.map(",
    ),
    "dict comprehension": (
        "print({x: work(x) for x in range(9)})",
        "{x: value for x, value in zip(",
    ),
    "mapping of a mapping": (
        "d = {1: 2, 3: 4}\nprint({k: work(v) for k, v in d.items()})",
        "d.values()",
    ),
    "generator summed up": (
        "print(sum(work(x) for x in range(9)))",
        "sum(pool.map(",
    ),
    "generator in a list": (
        "print(list(work(x) + 1 for x in range(9)))",
        "value + 1 for value in pool.map(",
    ),
    "generator joined": (
        "print('-'.join(str(work(x)) for x in range(9)))",
        "'-'.join(str(value) for",
    ),
    "largest of a generator": (
        "print(max((work(x) for x in range(9)), default=0))",
        "default=0",
    ),
    "added up": (
        ("total = 0.1\nfor x in range(9):\n    total += work(x / 7)\nprint(total)"),
        "total += value",
    ),
    "result unused": (
        "for x in range(9):\n    work(x)\nprint('end')",
        "for _ in pool.map(",
    ),
    "set at an index": (
        ("out = [0] * 9\nfor i, x in enumerate(range(9)):\n    out[i] = work(x)\nprint(out)"),
        "enumerate(",
    ),
    "numbered from 1": (
        "for i, x in enumerate('12', 1):\n    print(i, work(int(x)))",
        "enumerate(pool.map(",
    ),
    "set at a key": (
        ("d = {'a': 1, 'b': 2}\nout = {}\nfor k, v in d.items():\n    out[k] = work(v)\nprint(out)"),
        "zip(",
    ),
    "key and value given": (
        ("d = {1: 2, 3: 4}\nout = []\nfor k, v in d.items():\n    out.append(work(k, v))\nprint(out)"),
        "pool.map(work, d.keys(), d.values())",
    ),
    "pairs": (
        "for a, b in [(1, 2), (3, 4)]:\n    print(work(a, b))",
        "pool.map(work, (a for a, b in",
    ),
    "nested pairs": (
        ("for a, (b, c) in [(1, (2, 3)), (3, (4, 5))]:\n    print(a, work(c, b))"),
        "(a, (b, c)), value",
    ),
    "zipped": (
        "for a, b in zip([1, 2], [3, 4]):\n    print(a, work(a, b))",
        "zip(",
    ),
    "constant argument": (
        "base = 7\nfor x in range(9):\n    print(work(x, base, 2))",
        "repeat(base), repeat(2)",
    ),
    "constant keyword": (
        "for x in range(9):\n    print(work(x, k=2))",
        "partial(work, k=2)",
    ),
    "keyword of the item": (
        "for x in range(9):\n    print(work(k=x))",
        "pool.submit(work, k=x)",
    ),
    "arguments unpacked": (
        "for a in [(1, 2), (3,)]:\n    print(work(*a))",
        "pool.submit(work, *a)",
    ),
    "named arguments unpacked": (
        "for a in [{'k': 1}]:\n    print(work(**a))",
        "pool.submit(work, **a)",
    ),
    "an expression given": (
        "for x in range(9):\n    print(work(x * 2 + 1))",
        "(x * 2 + 1 for x in range(9))",
    ),
    "a text made of it": (
        "for x in range(9):\n    print(work(len(f'{x}-{x + 1}')))",
        "len(f'{x}-{x + 1}')",
    ),
    "no argument of its own": (
        "print([work(1) for _ in range(3)])",
        "pool.submit(work, 1)",
    ),
    "an iterator": (
        "xs = iter([1, 2, 3])\nfor x in xs:\n    print(x, work(x))",
        "items = list(xs)",
    ),
    "an iterator gone through once": (
        "xs = iter([1, 2, 3])\nfor x in xs:\n    print(work(x))",
        "pool.map(work, xs)",
    ),
    "a generator of the user's": (
        ("def numbers():\n    yield 1\n    yield 2\nfor x in numbers():\n    print(x, work(x))"),
        "items = list(numbers())",
    ),
    "a tuple without brackets": (
        "for x in 1, 2, 3:\n    print(work(x), x)",
        "(1, 2, 3)",
    ),
    "filtered by if": (
        "for x in range(9):\n    if x % 2:\n        print(x, work(x))",
        "items = [x for x in range(9) if x % 2]",
    ),
    "filtered by continue": (
        ("for x in range(9):\n    if x % 2:\n        continue\n    print(x, work(x))"),
        "continue",
    ),
    "filtered comprehension": (
        "print([work(x) for x in range(9) if x % 2])",
        "if x % 2",
    ),
    "if in an if": (
        ("for x in range(9):\n    if x % 2:\n        y = x + 1\n        if y > 3:\n            print(x, y, work(y))"),
        "if y > 3:",
    ),
    "either called or not": (
        ("for x in range(9):\n    y = work(x) if x % 2 else -1\n    print(x, y)"),
        "else None",
    ),
    "called in one branch": (
        ("for x in range(9):\n    if x % 2:\n        y = work(x)\n    else:\n        y = 0\n    print(y)"),
        "if (x % 2) else None",
    ),
    "called in the other branch": (
        ("for x in range(9):\n    if x % 2:\n        y = 0\n    else:\n        y = work(x)\n    print(y)"),
        "if not (x % 2)",
    ),
    "left by break before": (
        ("for x in range(9):\n    if x > 5:\n        break\n    print(x, work(x))"),
        "break",
    ),
    "skipped after": (
        ("for x in range(9):\n    y = work(x)\n    if y % 2:\n        continue\n    print(x, y)"),
        "for x, y in zip(",
    ),
    "steps before": (
        ("for x in range(9):\n    a = x + 1\n    b = a * 2\n    print(x, b, work(b))"),
        "jobs.append((x, b, ",
    ),
    "a counter before": (
        ("n = 0\nfor x in 'abc':\n    n += 1\n    print(x, n, work(n))\nprint(n)"),
        "n += 1",
    ),
    "two results": (
        (
            "def pair(x):\n    return x, -x\ndef work(x):\n    return pair(x)\n"
            "for x in range(9):\n    a, b = work(x)\n    print(a, b)"
        ),
        "for (a, b) in pool.map(",
    ),
    "in an expression": (
        ("out = []\nfor x in range(9):\n    out.append((x, work(x) + 1))\nprint(out)"),
        "(x, value + 1)",
    ),
    "in a test": (
        "for x in range(9):\n    if work(x) > 9:\n        print(x)",
        "if value > 9:",
    ),
    "in a walrus": (
        ("for x in range(9):\n    if (y := work(x)) > 9:\n        print(x, y)"),
        "if (y := value) > 9:",
    ),
    "errors caught": (
        (
            BAD
            + (
                "for x in range(6):\n    try:\n        print(x, work(x))\n"
                "    except ValueError as e:\n        print('bad', e)"
            )
        ),
        "future.result()",
    ),
    "errors not caught": (
        BAD + "for x in range(6):\n    print(x, work(x))",
        "zip(",
    ),
    "errors caught outside": (
        (
            BAD
            + (
                "out = []\ntry:\n    for x in range(6):\n        out.append(work(x))\n"
                "except ValueError:\n    print(out)"
            )
        ),
        "out.extend(",
    ),
    "errors caught around both": (
        (
            BAD
            + (
                "try:\n    out = []\n    for x in range(6):\n        out.append(work(x))\n"
                "except ValueError:\n    print(out)"
            )
        ),
        "out.extend(",
    ),
    "the item read afterwards": (
        "for x in range(9):\n    print(work(x))\nprint(x)",
        "for x, value in zip(",
    ),
    "the item read by a function": (
        ("def last():\n    return x\nout = []\nfor x in range(9):\n    out.append(work(x))\nprint(out, last())"),
        "x",
    ),
    "the same name again": (
        ("out = []\nfor x in range(9):\n    out.append(work(x))\nfor x in out:\n    print(x)"),
        "out = list(pool.map(",
    ),
    "loops in loops": (
        ("for y in range(3):\n    for x in range(4):\n        print(y, x, work(x, y))"),
        "for y in range(3):",
    ),
    "the outer loop of two": (
        ("for y in range(3):\n    t = work(y)\n    for x in range(t):\n        print(x, y, t)"),
        "for y, t in zip(",
    ),
    "loops in loops that try": (
        (
            BAD
            + (
                "for y in range(2):\n    try:\n        for x in range(5):\n"
                "            print(work(x))\n    except ValueError:\n        print('bad')"
            )
        ),
        "with",
    ),
    "two fors in one": (
        "print([work(x, y) for x in range(4) for y in range(x)])",
        "pool.submit(work, x, y)",
    ),
    "in a function": (
        (
            "def main(xs, k):\n    out = []\n    for x in xs:\n        out.append(work(x, k))\n"
            "    return out\n\nprint(main([1, 2], 5))"
        ),
        "out = list(pool.map(work, xs, repeat(k)))",
    ),
    "returned": (
        ("def main(xs):\n    return [work(x) for x in xs]\n\nprint(main([1, 2]))"),
        "return list(pool.map(",
    ),
    "a method": (
        (
            "class A:\n    def __init__(self):\n        self.out = []\n        self.k = 2\n"
            "    def work(self, x):\n        return x * self.k\n    def run(self):\n"
            "        for x in range(5):\n            self.out.append(self.work(x))\na = A()\n"
            "a.run()\nprint(a.out)"
        ),
        "pool.map(self.work, range(5))",
    ),
    "a method of the item": (
        (
            "class A:\n    def __init__(self, k):\n        self.k = k\n    def work(self):\n"
            "        return self.k * 2\nfor a in [A(1), A(2)]:\n    print(a.work())"
        ),
        "pool.submit(a.work)",
    ),
    "an attribute of the item": (
        (
            "class A:\n    def __init__(self, k):\n        self.k = k\nfor a in [A(1), A(2)]:\n"
            "    a.v = work(a.k)\n    print(a.v)"
        ),
        "(a.k for a in",
    ),
    "a queue": (
        (
            "from collections import deque\nq = deque([1, 2, 3])\nwhile q:\n"
            "    x = q.popleft()\n    print(x, work(x))\nprint(q)"
        ),
        "while q:",
    ),
    "comments and long lines": (
        (
            "out = []\nfor x in range(5):\n    # each of them\n    y = work(\n        x,\n"
            "        1,\n    )\n    out.append(  # kept\n        y\n    )\nprint(out)"
        ),
        "# kept",
    ),
    "a file of each turn's own": (
        (
            "from pathlib import Path\nfor x in range(3):\n    file = Path(f'out-{x}')\n    print(work(x))\n"
            "    file.write_text('w')\n    file.unlink()"
        ),
        "pool.submit(work, x)",
    ),
    "a file that the calls alone read, and texts with words of its own": (
        (
            "from pathlib import Path\nPath('table').write_text('1,2')\ndef work(x):\n    with open('table') as f:\n"
            "        return f.read().replace(',', '.') + str(x)\n"
            "for x in range(3):\n    print(work(x).replace('.', ';'), {'a': 1}.copy())"
        ),
        "pool.map(",
    ),
    "functions of a module that stays as it is": (
        "import math\ndef work(x):\n    return math.sqrt(x)\nfor x in range(3):\n    print(math.floor(work(x)))",
        "pool.map(",
    ),
    "one file for what comes back": (
        (
            "from pathlib import Path\nPath('results').write_text('')\nfor x in range(3):\n    v = work(x)\n"
            "    with open('results', 'a', encoding='utf-8') as f:\n        print(v, file=f)\n"
            "print(len(Path('results').read_text()))"
        ),
        "pool.map(",
    ),
    "on one line": (
        "out = []\nfor x in range(5): out.append(work(x))\nprint(out)",
        "out = list(",
    ),
    "several statements on a line": (
        "for x in range(5):\n    y = work(x); print(y)\nprint('end')",
        "print(y)",
    ),
    "a text of several lines": (
        ('for x in range(3):\n    print(f"""{work(x)}\n   and\nso""", """\n  on""")'),
        "pool.map(",
    ),
    "names in use": (
        ("pool, value, items = 1, 2, 3\nfor x in range(3):\n    print(pool, value, items, work(x))"),
        "as workers:",
    ),
    "letters beyond ASCII": (
        "é = [1, 2]\nfor ü in é: print('→', ü, work(ü), '←')",
        "zip(é",
    ),
    "tabs": (
        ("def main():\n\tfor x in range(3):\n\t\ty = work(x)\n\t\tif y:\n\t\t\tprint(x, y)\nmain()"),
        "pool.map(",
    ),
    "told before": (
        ("n = 0\nfor i in range(5):\n    a = i + 1\n    print(i)\n    n += 1\n    print(n, work(a))"),
        "future.result()",
    ),
    "told before an error": (
        BAD + "for i in range(5):\n    print(i)\n    print(work(i))",
        "future.result()",
    ),
    "gone through in an expression": (
        (
            "def work(x):\n    return [x, x + 1]\nbest = 0\nfor y in range(2):\n"
            "    for x in range(4):\n        best = max(best, *(z for z in work(x * y)))\n"
            "print(best)"
        ),
        "for z in value",
    ),
    "a long line": (
        (
            "first, second, third = 'a' * 3, 'b' * 4, 'c' * 5\nfor number in range(4):\n"
            "    print(number, work(len(first), len(second) + number, len(third) * number))"
        ),
        "pool.map(\n",
    ),
    "two calls, one of them": (
        "for x in range(4):\n    print(work(x), work(x + 1))",
        "print(value, work(x + 1))",
    ),
}

NONE = {
    "the result is the next argument": "x = 1\nfor i in range(5):\n    x = work(x)\nprint(x)",
    "the result is read by the next": "t = 0\nfor i in range(5):\n    t += work(i, t)\nprint(t)",
    "a function that a turn calls sets what the callee reads": (
        "n = 0\ndef work(x):\n    return x + n\ndef count(x):\n    global n\n    n += x\n"
        "for i in range(5):\n    count(work(i))\nprint(n)"
    ),
    "in a function, what a turn calls sets what the callee reads": (
        "n = 0\ndef work(x):\n    return x + n\ndef count(x):\n    global n\n    n += x\n"
        "def main():\n    for i in range(5):\n        count(work(i))\nmain()\nprint(n)"
    ),
    "a function that a turn calls changes what the callee reads": (
        "seen = {}\ndef work(x):\n    return seen.get(x, 0)\ndef note(x, y):\n    seen[x + 1] = y + 1\n"
        "for i in range(5):\n    note(i, work(i))\nprint(seen)"
    ),
    "what makes the items changes what the callee reads": (
        "class A:\n    def each(self):\n        for i in range(5):\n            self.at = i\n            yield i\n"
        "    def work(self, x):\n        return x + self.at\n    def run(self):\n        for x in self.each():\n"
        "            print(self.work(x))\nA().run()"
    ),
    "each call would start a pool of its own": (
        "def work(n):\n    out = []\n    for k in range(n):\n        out.append(work(k))\n    return sum(out) + 1\n"
        "print(work(4))"
    ),
    "what is added to is given": ("out = []\nfor i in range(5):\n    out.append(work(i, len(out)))\nprint(out)"),
    "what is set is given": ("g = [1, 2, 3]\nfor i in range(1, 3):\n    g[i] = work(g[i - 1])\nprint(g)"),
    "under another name": ("g = [1, 2]\nh = g\nfor i in range(2):\n    k = g\n    k.append(work(len(k)))\nprint(g)"),
    "read by the callee": ("t = 0\ndef work(x):\n    return x + t\nfor i in range(5):\n    t += work(i)\nprint(t)"),
    "read by what the callee calls": (
        "t = 0\ndef now():\n    return t\ndef work(x):\n    return x + now()\n"
        "for i in range(5):\n    t += work(i)\nprint(t)"
    ),
    "the item read by the callee": "def work():\n    return i\nfor i in range(5):\n    print(work())",
    "the callee prints": ("def work(x):\n    print(x)\n    return x\nfor i in range(5):\n    work(i)"),
    "the callee counts": (
        "n = 0\ndef work(x):\n    global n\n    n += x\n    return n\nfor i in range(5):\n    print(work(i))"
    ),
    "left by break": "for i in range(5):\n    if work(i) > 6:\n        break\nprint(i)",
    "left by return": (
        "def main():\n    for i in range(5):\n        if work(i) > 6:\n            return i\nprint(main())"
    ),
    "handed out": ("def main():\n    for i in range(5):\n        yield work(i)\nprint(list(main()))"),
    "an else": "for i in range(5):\n    work(i)\nelse:\n    print('end')",
    "a file that the next call reads": (
        "from pathlib import Path\nPath('state').write_text('1')\ndef work(x):\n"
        "    return int(Path('state').read_text())\n"
        "for i in range(4):\n    v = work(i)\n    Path('state').write_text(str(v + 1))\n    print(v)"
    ),
    "a file that the next call reads, by a function": (
        "STATE = 'state'\ndef save(v):\n    with open(STATE, 'w') as f:\n        f.write(str(v))\n"
        "def work(x):\n    with open(STATE) as f:\n        return int(f.read())\nsave(1)\n"
        "for i in range(4):\n    v = work(i)\n    save(v + i)\n    print(v)"
    ),
    "a program that writes what the next call reads": (
        "import subprocess\nfrom pathlib import Path\nPath('state').write_text('')\ndef work(x):\n"
        "    return len(Path('state').read_text())\n"
        "for i in range(3):\n    v = work(i)\n    subprocess.run('echo x >> state', shell=True)\n    print(v)"
    ),
    "a file of two turns that names differ by nothing": (
        "from pathlib import Path\ndef work(user, n):\n    file = Path(f'{user}.txt')\n"
        "    return n + (int(file.read_text()) if file.exists() else 0)\n"
        "for user, n in [('a', 1), ('b', 2), ('a', 3)]:\n    total = work(user, n)\n"
        "    Path(f'{user}.txt').write_text(str(total))\n    print(total)"
    ),
    "a file by a name of the turn": (
        "from pathlib import Path\nPath('state').write_text('1')\ndef work(x):\n"
        "    return int(Path('state').read_text())\n"
        "for i in range(4):\n    v = work(i)\n    target = Path('state')\n"
        "    target.write_text(str(v + 1))\n    print(v)"
    ),
    "the folder that calls look into": (
        "import os\ndef work(x):\n    return len(os.getcwd())\n"
        "for i in range(2):\n    print(work(i))\n    os.chdir('/')"
    ),
    "the environment": (
        "import os\ndef work(x):\n    return os.environ.get('ROUND')\n"
        "for i in range(3):\n    print(work(i))\n    os.environ['ROUND'] = str(i)"
    ),
    "the environment, by a method": (
        "import os\ndef work(x):\n    return os.environ.get('ROUND')\n"
        "for i in range(3):\n    print(work(i))\n    os.environ.update(ROUND=str(i))"
    ),
    "any ends early": "print(any(work(i) > 6 for i in range(5)))",
    "a generator kept": "g = (work(i) for i in range(5))\nprint(next(g))",
    "what is given prints": ("def say(x):\n    print(x)\n    return x\nfor i in range(5):\n    print(work(say(i)))"),
    "saved before, and told so": (
        "d = {}\ndef save(x):\n    d[x] = x\n    return x\ndef work(x):\n    return d.get(x)\n"
        "for i in range(5):\n    print(save(i))\n    print(work(i))"
    ),
    "how many are left": "q = [1, 2]\nwhile q:\n    i = q.pop()\n    print(len(q), work(i))",
    "how many are left, by the callee": (
        "q = [1, 2]\ndef work(x):\n    return len(q)\nwhile q:\n    i = q.pop()\n    print(i, work(i))"
    ),
    "what an iterator has left": "q = iter([1, 2, 3])\nfor i in q:\n    print(work(i), list(q))",
    "where a reader stands": (
        "import csv\nr = csv.reader(['a', 'b'])\nfor row in r:\n    print(r.line_num, work(len(row)))"
    ),
    "an argument that may fail": (
        "for s in ['1', 'x', '2']:\n    try:\n        print(work(int(s)))\n"
        "    except ValueError:\n        print('bad', s)"
    ),
    "an argument that may fail, caught outside": (
        "out = []\ntry:\n    for s in ['1', 'x', '2']:\n        out.append(work(int(s)))\n"
        "except ValueError:\n    print(out)"
    ),
    "read by an inner function": (
        "def main():\n    t = 0\n    def work(x):\n        return x + t\n"
        "    for i in range(5):\n        t += work(i)\n    print(t)\nmain()"
    ),
    "set on an object that the callee reads": (
        "class Now:\n    k = 1\ndef work(x):\n    return x + Now.k\n"
        "def main():\n    for i in range(5):\n        Now.k = work(i)\n    print(Now.k)\nmain()"
    ),
    "an attribute that the method reads": (
        "class A:\n    t = 1\n    def work(self, x):\n        return x + self.t\n    def run(self):\n"
        "        for i in range(5):\n            self.t += self.work(i)\n        print(self.t)\nA().run()"
    ),
    "a turn that waits": "import time\nfor i in range(3):\n    print(work(i))\n    time.sleep(0)",
    "a turn that may end the script": "for i in range(3):\n    if work(i) > 3:\n        raise SystemExit\n    exit()",
    "other code on the line": "a = 1; print([work(i) for i in range(3)]); print(a)",
    "on the line of a test": "if True: print([work(i) for i in range(3)])",
    "a coroutine": ("import asyncio\nasync def main():\n    print([work(i) for i in range(3)])\nasyncio.run(main())"),
    "the items print": (
        "def say():\n    for i in range(3):\n        print(i)\n        yield i\nfor i in say():\n    print(work(i))"
    ),
    "the items grow": ("q = [1]\nfor i in q:\n    if work(i) < 60:\n        q.append(i + 1)\nprint(q)"),
    "the queue grows": ("q = [1]\nwhile q:\n    i = q.pop()\n    if work(i) < 60:\n        q.append(i + 1)\nprint(q)"),
    "what is seen already": (
        "seen = set()\nfor i in [1, 1, 2]:\n    if i in seen:\n        continue\n    seen.add(i)\n    print(work(i))"
    ),
    "a function with the item in it": ("def work(f):\n    return f()\nfor i in range(3):\n    print(work(lambda: i))"),
    "no loop": "print(work(3))",
    "in a handler": (
        "for i in range(3):\n    try:\n        1 / i\n    except ZeroDivisionError:\n        print(work(i))"
    ),
    "under a lock": ("import threading\nl = threading.Lock()\nfor i in range(3):\n    with l:\n        print(work(i))"),
    "names looked for": "for i in range(3):\n    print(work(i), sorted(locals())[:1] and 1)",
    "in a class": ("class A:\n    out = []\n    for i in range(3):\n        out.append(work(i))\nprint(A.out)"),
    "list means another thing": ("list = tuple\nout = []\nfor i in range(3):\n    out.append(work(i))\nprint(out)"),
    "the pool's name means another thing": (
        "ThreadPoolExecutor = 1\nout = []\nfor i in range(3):\n    out.append(work(i))\nprint(out)"
    ),
    "a last item left out that is read": (
        "for i in range(4):\n    if i == 3:\n        continue\n    print(work(i))\nprint(i)"
    ),
}


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("name", WRITTEN)
def test_a_change_is_written_and_changes_no_output(
    name: str, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    text, wanted = WRITTEN[name]
    file = script(tmp_path, text if "def work(" in text else WORK + text)
    found = change(call_site(file), threads(workers))
    assert found is not None
    assert wanted in found.snippet
    assert compiles(found.snippet)
    assert printed(applied(file, found)) == printed(file.read_text())


@pytest.mark.parametrize("name", NONE)
def test_no_change_is_written_where_output_may_differ(name: str, tmp_path: Path):
    text = NONE[name]
    file = script(tmp_path, text if "def work(" in text else WORK + text)
    found = change(call_site(file))
    assert found is None


# --- loops made at random ------------------------------------------------------------------------

NAME = st.sampled_from(["a", "b", "c"])
VALUE = st.sampled_from(
    ["a", "b", "c", "i", "1", "i * i", "g[i]", "h[i]", "len(out)", "t", "shift(i)", "n.get(i % 2, 0)", "len(todo)"]
)
STEP = st.one_of(
    st.builds("{} = {}".format, NAME, VALUE),
    st.builds("{} = {} + {}".format, NAME, VALUE, VALUE),
    st.builds("{0}, {1} = {1}, {0}".format, NAME, NAME),
    st.builds("out.append({})".format, VALUE),
    st.builds("t += {}".format, VALUE),
    st.builds("g[i] = {}".format, VALUE),
    st.builds("g[0] = {}".format, VALUE),
    st.builds("n[i % 2] = {}".format, VALUE),
    st.builds("print({}, {})".format, VALUE, VALUE),
    st.builds("if {} > 3:\n    {} = {}".format, VALUE, NAME, VALUE),
    st.builds("if {} > 2:\n    continue".format, VALUE),
    st.builds("if {} > 7:\n    break".format, VALUE),
    st.builds("for j in range(i % 3):\n    {} = {} + j".format, NAME, VALUE),
    st.builds("row = g\nrow[i] = {}".format, VALUE),
)
CALL = st.one_of(
    st.builds("work({})".format, VALUE), st.builds("work(9 // {})".format, VALUE),
    st.builds("work({}, {})".format, VALUE, VALUE),
    st.builds("work({}, k={})".format, VALUE, VALUE),
)  # fmt: skip
USE = st.one_of(
    st.builds("{} = {{call}}".format, NAME),
    st.just("out.append({call})"), st.just("t += {call}"), st.just("g[i] = {call}"), st.just("{call}"),
    st.builds("print({}, {{call}})".format, VALUE),
    st.builds("if {} > 2:\n    {} = {{call}}".format, VALUE, NAME),
    st.builds("if {} > 2:\n    {} = {{call}}\nelse:\n    t += 1".format, VALUE, NAME),
    st.builds("{} = {{call}} if {} > 2 else 0".format, NAME, VALUE),
    st.builds("if {{call}} > {}:\n    out.append({})".format, VALUE, VALUE),
    st.builds("try:\n    out.append({{call}} // {})\nexcept ArithmeticError:\n    t += 1".format, VALUE),
)  # fmt: skip
HEAD = st.sampled_from([
    "for i in range(6):", "for i in g:", "for i in list(g):", "for i, c in enumerate(h):", "for i in iter([1, 2, 0]):",
    "for i, b in zip(g, h):", "for i in n:", "while todo:\n    i = todo.pop()",
])  # fmt: skip
PLACE = st.sampled_from(
    ["{}", "def main(a, b, c, t, out, g, h, n, todo):\n{}\n    return a, b, c, t, out, g, h, n\nprint(main(*start))"]
)
START = (
    "def shift(x):\n    return x + 1\n\ndef work(x, y=2, k=3):\n    return x * 2 + y - k * (c if {} else 1)\n\n"
    "start = (1, 2, 3, 0, [], [0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], {{0: 1, 1: 2}}, [1, 2, 3])\n"
    "a, b, c, t, out, g, h, n, todo = start\n"
)


def indent(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


@settings(max_examples=400, deadline=None)
@given(
    st.lists(STEP, max_size=3), USE, CALL, st.lists(STEP, max_size=3), HEAD, PLACE, st.sampled_from([True, False]),
    st.sampled_from([1, 2, 3, 4]), st.sampled_from([1, 3]),
)  # fmt: skip
def test_a_change_of_any_loop_changes_no_output(  # noqa: PLR0913, PLR0917  # one part of a script each
    before: list[str],
    use: str,
    call: str,
    after: list[str],
    head: str,
    place: str,
    reads: bool,
    workers: int,
    chunk: int,
):
    body = "\n".join([*before, use.replace("{call}", call), *after])
    loop = f"{head}\n{indent(body)}"
    told = "print(a, b, c, t, out, g, h, n)"
    inside = indent(loop) if "main" in place else f"{loop}\n{told}"
    text = START.format(reads) + place.format(inside)
    with tempfile.TemporaryDirectory() as folder:
        file = script(Path(folder), text)
        found = change(call_site(file), threads(workers, chunk))
        if found is not None:
            new = applied(file, found)
            was, now = printed(text).splitlines(), printed(new).splitlines()
            failed = bool(was) and "Error" in was[-1]  # by an argument: all are made before the first result is used
            assert compiles(found.snippet)
            assert (now[-1:] == was[-1:]) if failed else (now == was), new
