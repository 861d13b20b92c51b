"""Scripts that may or may not run side by side, recorded for real: none that may not is called safe, and the other way.

`test_safety_corpus.py` as a program prints the confusion matrix.
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
from collections import Counter
from pathlib import Path

import pytest
from staging import staged

from advisor.analyse.safety import assess
from advisor.model.ledger import Ledger
from advisor.model.site import Safety

# name -> script; the hot line calls `step`, in its last line unless that is said
DEPENDENT = {
    "accounts that come again after many others": """
        def step(value, amount):
            return value * 1.01 + amount
        accounts = {u: {"b": 1000.0 + u} for u in range(30)}
        for u, amount in [((i * 7) % 30, i) for i in range(90)]:
            account = accounts.get(u)
            account["b"] = step(account["b"], amount)  # hot
    """,
    "a tree walked by parent": """
        class Node:
            def __init__(self, parent):
                self.parent, self.depth = parent, 1000
        def step(value):
            return value + 1
        nodes = [Node(None)]
        for n in range(60):
            nodes.append(Node(nodes[n // 2]))
        for node in nodes[1:]:
            node.depth = step(node.parent.depth)  # hot
    """,
    "cells that read their neighbour": """
        class Cell:
            def __init__(self, n):
                self.value, self.left = 1000.0 + n, None
            def step(self):
                self.value = self.left.value * 0.9 + 1
        cells = [Cell(i) for i in range(20)]
        for a, b in zip(cells, cells[1:] + cells[:1]):
            b.left = a
        for cell in cells:
            cell.step()  # hot
    """,
    "weights that the callee reads": """
        W = 1.0
        def step(batch):
            return W * batch
        for i in range(8):
            W -= 0.1 * step(i)  # hot
    """,
    "weights of its object": """
        class Net:
            def __init__(self):
                self.w = 1.0
            def step(self, batch):
                return self.w * batch
        net = Net()
        for i in range(1, 9):
            gradient = net.step(i)  # hot
            net.w = net.w - 0.1 * gradient
    """,
    "a model that takes the result in": """
        class Model:
            w = 1.0
            def apply(self, gradient):
                self.w -= 0.1 * gradient
        model = Model()
        def step(batch):
            return model.w * batch
        for i in range(1, 9):
            model.apply(step(i))  # hot
    """,
    "an optimiser that holds the model": """
        class Model:
            def __init__(self):
                self.w = 1.0
            def step(self, batch):
                return self.w * batch
        class Optimiser:
            def __init__(self, model):
                self.model = model
            def update(self, loss):
                self.model.w -= 0.1
        model = Model()
        optimiser = Optimiser(model)
        for i in range(1, 9):
            loss = model.step(i)  # hot
            optimiser.update(loss)
    """,
    "the result is the next argument": """
        def step(x):
            return (x * 31 + 7) % 1009
        x = 1
        for i in range(8):
            x = step(x)  # hot
    """,
    "the next page is in the page": """
        DOCS = {n: {"n": n, "next": n + 1} for n in range(400)}
        def step(n):
            return DOCS[n]
        page = step(300)
        for i in range(8):
            page = step(page["next"])  # hot
    """,
    "a solver": """
        def step(grid):
            return [(a + b) / 2 for a, b in zip(grid, grid[1:] + grid[:1])]
        grid = [float(n) for n in range(50)]
        for i in range(8):
            grid = step(grid)  # hot
    """,
    "a method that advances its object": """
        class Body:
            x, v = 0.0, 1.0
            def step(self, dt):
                v = self.v - self.x * dt
                self.x, self.v = self.x + v * dt, v
        body = Body()
        for i in range(8):
            body.step(0.1)  # hot
    """,
    "a frontier": """
        def step(n):
            return [n + 1] if n < 8 else []
        todo = [0]
        while todo:
            todo.extend(step(todo.pop()))  # hot
    """,
    "a fold": """
        def step(total, n):
            return total * 2 + n
        total = 1
        for i in range(8):
            total = step(total, i)  # hot
    """,
    "the row above": """
        def step(row):
            return [a ^ b for a, b in zip([0, *row], [*row, 0])]
        rows = [[1]]
        for i in range(8):
            rows.append(step(rows[-1]))  # hot
    """,
}
UNSAFE = {
    "accounts that come again": """
        class Account:
            def __init__(self):
                self.balance = 0
            def step(self, amount):
                self.balance += amount
        accounts = [Account() for _ in range(5)]
        for i in range(40):
            accounts[i * 3 % 5].step(i)  # hot
    """,
    "counts by key, looked up": """
        COUNTS = {}
        def step(word):
            COUNTS[word] = COUNTS.get(word, 0) + 1
        for word in "abcdabcd":
            step(word)  # hot
    """,
    "counts by key, in two steps": """
        COUNTS = {}
        def step(word):
            before = COUNTS.get(word, 0)
            COUNTS[word] = before + 1
        for word in "abcdabcd":
            step(word)  # hot
    """,
    "counts by key, in a helper": """
        COUNTS = {}
        def note(word):
            COUNTS[word] = COUNTS.get(word, 0) + 1
        def step(word):
            note(word)
        for word in "abcdabcd":
            step(word)  # hot
    """,
    "a table filled from the entry before": """
        memo = {0: 1}
        def step(i):
            memo[i] = memo[i - 1] * 2 % 97
        for i in range(1, 9):
            step(i)  # hot
    """,
    "sums so far": """
        sums = [0]
        def step(i):
            sums.append(sums[-1] + i)
        for i in range(8):
            step(i)  # hot
    """,
    "a lock made anew each time": """
        import threading
        class Meter:
            n = 0
            def step(self, i):
                with threading.Lock():
                    self.n += 1
        meter = Meter()
        for i in range(8):
            meter.step(i)  # hot
    """,
    "a counter on the object": """
        class Bank:
            total = 0
            def step(self, n):
                self.total += n
        bank = Bank()
        for i in range(8):
            bank.step(i)  # hot
    """,
    "a global read and set again": """
        state = {"n": 0}
        def step(i):
            n = state["n"]
            state["n"] = n + i + 1
        for i in range(8):
            step(i)  # hot
    """,
    "in a function that it calls": """
        STATS = {"calls": 0}
        def note():
            STATS["calls"] += 1
        def step(i):
            note()
            return i * i
        for i in range(8):
            step(i)  # hot
    """,
    "an enclosed variable": """
        def main():
            seen = 0
            def step(i):
                nonlocal seen
                seen += 1
                return i
            for i in range(8):
                step(i)  # hot
        main()
    """,
    "a class attribute": """
        class Job:
            made = 0
            def __init__(self):
                Job.made += 1
        def step(i):
            return Job()
        for i in range(8):
            step(i)  # hot
    """,
    "an argument that all share": """
        def step(totals, i):
            totals[0] += i
        totals = [0]
        for i in range(1, 9):
            step(totals, i)  # hot
    """,
    "counts by key": """
        COUNTS = {"a": 0, "b": 0, "c": 0, "d": 0}
        def step(word):
            COUNTS[word] += 1
        for word in "abcdabcd":
            step(word)  # hot
    """,
    "a balance on another object": """
        class Account:
            def __init__(self):
                self.balance = 0
        account = Account()
        def step(amount):
            account.balance = account.balance + amount
        for i in range(1, 9):
            step(i)  # hot
    """,
    "drawn from one iterator": """
        lines = iter(range(100))
        def step(i):
            return next(lines) + i
        for i in range(8):
            step(i)  # hot
    """,
    "read from one open file": """
        import tempfile
        with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as f:
            f.write("one line\\n" * 50)
        source = open(f.name)
        def step(i):
            return source.read(9)
        for i in range(8):
            step(i)  # hot
        import os
        source.close()
        os.remove(f.name)
    """,
    "a queue that is emptied": """
        todo = list(range(20))
        def step(i):
            return todo.pop() * i
        for i in range(8):
            step(i)  # hot
    """,
    "on a rare branch": """
        errors = 0
        def step(i):
            global errors
            if i > 10 ** 6:
                errors += 1
            return i * i
        for i in range(8):
            step(i)  # hot
    """,
}
THREADS_ONLY = {
    "an object of its own each": """
        class Cell:
            def __init__(self):
                self.n = 0
            def step(self):
                self.n += 1
                return self.n
        cells = [Cell() for _ in range(8)]
        for cell in cells:
            cell.step()  # hot
    """,
    "rows changed in place": """
        def step(row):
            row[0] = row[0] / 2
        rows = [[float(n)] for n in range(1, 9)]
        for row in rows:
            step(row)  # hot
    """,
    "a cache that is looked up first": """
        CACHE = {}
        def step(n):
            found = CACHE.get(n)
            if found is None:
                found = n ** 5
                CACHE[n] = found
            return found
        for i in range(8):
            step(i)  # hot
    """,
    "a cache that is pure": """
        CACHE = {}
        def step(n):
            if n not in CACHE:
                CACHE[n] = n ** 5
            return CACHE[n]
        for i in range(8):
            step(i)  # hot
    """,
    "collected in a global": """
        RESULTS = []
        def step(n):
            RESULTS.append(n * n)
        for i in range(8):
            step(i)  # hot
    """,
    "a key of its own": """
        OUT = [None] * 8
        def step(n):
            OUT[n] = n * n
        for i in range(8):
            step(i)  # hot
    """,
    "a counter under a lock": """
        import threading
        class Meter:
            def __init__(self):
                self.lock, self.n = threading.Lock(), 0
            def step(self, i):
                with self.lock:
                    self.n += 1
                return i
        meter = Meter()
        for i in range(8):
            meter.step(i)  # hot
    """,
}
SAFE = {
    "a list made for the call": """
        def step(row):
            row.sort()
            return row[0]
        for i in range(8):
            step([i, 3, -i])  # hot
    """,
    "points met again": """
        points = [(n * 7 % 50, n * n % 41) for n in range(40)]
        def step(p, others):
            return min((o for o in others if o is not p), key=lambda o: abs(o[0] - p[0]) + abs(o[1] - p[1]))
        for p in points:
            step(p, points)  # hot
    """,
    "a crawler that keeps its pages": """
        class Crawler:
            def __init__(self):
                self.agent, self.pages = "c", []
            def step(self, url):
                return self.agent + str(url)
            def run(self):
                for url in range(8):
                    self.pages.append(self.step(url))  # hot
        Crawler().run()
    """,
    "progress counted by the loop": """
        class Job:
            def __init__(self):
                self.done, self.rate = 0, 3
            def step(self, n):
                return n * self.rate
            def run(self):
                for n in range(8):
                    self.step(n)  # hot
                    self.done += 1
        Job().run()
    """,
    "added up by the caller": """
        def step(n):
            return n * n
        total = 0
        for i in range(8):
            total += step(i)  # hot
    """,
    "collected by the caller": """
        def step(n):
            return [n]
        out, best, table = [], None, {}
        for i in range(8):
            out.append(step(i))  # hot
    """,
    "the largest kept by the caller": """
        def step(n):
            return (n * 7) % 5
        best = 0
        for i in range(8):
            best = max(best, step(i))  # hot
    """,
    "an accumulator of its own": """
        def step(n):
            total = 0
            for k in range(n):
                total += k
            return total
        for i in range(8):
            step(i)  # hot
    """,
    "a global that is only read": """
        RATES = {"a": 2, "b": 3}
        def step(n):
            return RATES["a"] * n + RATES["b"]
        for i in range(8):
            step(i)  # hot
    """,
    "a lock that is never contended": """
        import threading
        lock = threading.Lock()
        def step(n):
            with lock:
                return n * n
        for i in range(8):
            step(i)  # hot
    """,
    "made on first use": """
        class Client:
            pool = None
            def step(self, n):
                if self.pool is None:
                    self.pool = {"size": 4}
                return n * self.pool["size"]
        client = Client()
        for i in range(8):
            client.step(i)  # hot
    """,
    "memoised by the library": """
        from functools import lru_cache
        @lru_cache(None)
        def power(n):
            return n ** 3
        def step(n):
            return power(n % 4)
        for i in range(8):
            step(i)  # hot
    """,
    "random figures": """
        import random
        def step(n):
            return random.random() * n
        for i in range(8):
            step(i)  # hot
    """,
    "a generator of random figures of the script's own": """
        import random
        dice = random.Random(3)
        def step(n):
            return dice.random() * n
        for i in range(8):
            step(i)  # hot
    """,
    "an iterator of its own": """
        def step(n):
            rows = iter(range(n))
            return sum(rows)
        for i in range(8):
            step(i)  # hot
    """,
    "element by element": """
        def step(n):
            return n + 1
        data = list(range(8))
        for i in range(8):
            data[i] = step(data[i])  # hot
    """,
    "a configuration object": """
        class Config:
            factor = 3
            def __init__(self):
                self.name = "c"
        config = Config()
        def step(n):
            return config.factor * n + len(config.name)
        for i in range(8):
            step(i)  # hot
    """,
}
CORPUS = {"dependent": DEPENDENT, "unsafe": UNSAFE, "threads only": THREADS_ONLY, "safe": SAFE}
CASES = [(kind, name) for kind, scripts in CORPUS.items() for name in scripts]


def judged(folder: Path, source: str) -> Safety:
    """The safety of the calls of `step` in a script that is recorded now."""
    with staged(folder, source) as run:
        (site,) = [each for each in run.recording.sites if each.callee.rpartition(".")[2] == "step"]
        return assess(site, Ledger(python=1.0))


def kind_of(safety: Safety) -> str:
    """The row of the corpus that a judgement belongs to."""
    return "threads only" if safety.status == "safe" and safety.workers == "threads" else safety.status


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_each_is_judged_as_what_it_is(tmp_path: Path, kind: str, name: str):
    safety = judged(tmp_path, CORPUS[kind][name])
    assert kind_of(safety) == kind, safety


def main() -> None:
    """Print how often each kind was judged as each."""
    found: Counter[tuple[str, str]] = Counter()
    for kind, name in CASES:
        with tempfile.TemporaryDirectory() as folder:
            found[kind, kind_of(judged(Path(folder), textwrap.dedent(CORPUS[kind][name])))] += 1
    for (kind, judged_as), count in sorted(found.items()):
        sys.stdout.write(f"{kind:14} judged {judged_as:14} {count}\n")


if __name__ == "__main__":
    main()
