"""Instrumented code behaves as the user wrote it: results, exceptions, order of evaluation, lines of tracebacks."""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import importlib
import itertools
import sys
import textwrap
import traceback
import types
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from advisor.agent.effects import Effects
from advisor.agent.instrument import Instrumenter
from advisor.agent.recorder import Recorder
from advisor.agent.site import OFF_AFTER_CALLS, Site
from advisor.agent.turns import Turns
from advisor.analyse import source as source_trees
from advisor.analyse.turns import outline
from advisor.model.outline import Outline

PATH = "/somewhere/script.py"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    before = set(vars(builtins))
    yield Recorder(Effects(), allowance_s=10.0)
    for name in set(vars(builtins)) - before:
        delattr(builtins, name)


def instrumenter(recorder: Recorder, source: str, lines: range | None = None) -> Instrumenter:
    hot = lines or range(1, source.count("\n") + 2)
    return Instrumenter({PATH: hot}, recorder.new_site)


def outcome(code: types.CodeType) -> tuple[Any, ...]:
    """What the code logged and left behind, and the traceback of what it raised as lines of the user's file."""
    log: list[Any] = []
    space: dict[str, Any] = {"__name__": "snippet", "log": log}
    raised: list[Any] = []
    try:
        exec(code, space)
    except BaseException as error:  # noqa: BLE001 - whatever a snippet raises is its outcome
        while error is not None:
            places = [
                (frame.name, frame.lineno)
                for frame in traceback.extract_tb(error.__traceback__)
                if frame.filename == PATH
            ]
            raised.append((type(error), str(error), places))
            error = error.__cause__ or error.__context__
    return log, space.get("result"), raised


SNIPPETS = {
    "order of evaluation": """
        def say(x):
            log.append(getattr(x, '__name__', x))
            return x
        def take(*args, **kwargs):
            log.append((args, kwargs))
            return say
        result = say(take)(say(1), *say([2, 3]), key=say(4), **say({'other': 5}))(say(6))
    """,
    "callee before arguments": """
        def get():
            log.append('callee')
            return print_nothing
        def print_nothing(x):
            log.append('call')
        def argument():
            log.append('argument')
        get()(argument())
    """,
    "missing callee": "missing(1 / 0)",
    "missing attribute": "log.missing(1 / 0)",
    "not callable": "five = 5\nfive(log.append(1))",
    "chain": "result = ' a-b '.strip().upper().split('-')",
    "nested": "result = sum(map(int, str(max(len('abc'), 12))))",
    "comprehensions": """
        def f(x, y=0):
            return x + y
        result = [f(x) for x in range(f(4)) if f(x)], {f(x): f(x, 1) for x in range(3)}, {f(x) for x in [1, 1]}
        result += (list(f(x, y) for x in range(f(2)) for y in range(f(x, 1))),)
    """,
    "lambdas": "result = (lambda x: (lambda y: max(x, y))(3))(2), sorted('bca', key=lambda c: -ord(c))",
    "decorators": """
        import functools
        def twice(n):
            def decorate(f):
                @functools.wraps(f)
                def inner(*a):
                    return [f(*a) for _ in range(n)]
                return inner
            return decorate
        @twice(2)
        @twice(3)
        def hello(x='y'):
            return str(x)
        result = hello(), hello.__name__
    """,
    "super and methods": """
        class A:
            def __init__(self, x):
                self.x = x
            def get(self):
                return self.x
        class B(A):
            def __init__(self, x):
                super().__init__(int(x))
            def get(self):
                return super().get() + len(str(self.x))
            @classmethod
            def make(cls, x):
                return cls(x)
            @property
            def double(self):
                return self.get() * int(2)
            def __private(self):
                return str(self.x)
            def public(self):
                return self.__private()
        result = B.make('12').get(), B(3).double, B(4).public()
    """,
    "class bodies": """
        def field(x):
            return x
        class C(dict, metaclass=type):
            a = field(1)
            b = [field(i) for i in range(3)]
            def m(self, x=field(5)):
                return x
            class Inner:
                c = field(2)
        result = C.a, C.b, C().m(), C.Inner.c, C(a=1)
    """,
    "frames": """
        import collections, enum, inspect, typing
        P = collections.namedtuple('P', 'x y')
        E = enum.Enum('E', 'A B')
        T = typing.TypeVar('T')
        def here():
            return inspect.currentframe().f_code.co_name, sorted(locals()), len(globals()) > 3
        result = P(1, 2), P.__module__, E.__module__, T.__module__, here(), eval('1 + 1'), sorted(vars(E.A))[:1]
    """,
    "walrus and star": """
        def f(*a, **k):
            return a, sorted(k)
        result = f(n := len('abc'), *[n] * 2, **{'k': n}), n
        if (m := max(result[0][0])) > 2:
            result += (m,)
    """,
    "generators": """
        def numbers(n):
            for i in range(n):
                got = yield abs(-i)
                log.append(got)
            return str(n)
        def outer():
            x = yield from numbers(2)
            yield x
        result = list(outer())
        g = numbers(3)
        next(g)
        result.append(g.send('sent'))
        g.close()
    """,
    "async": """
        import asyncio
        async def wait(x):
            await asyncio.sleep(0)
            return x
        async def numbers(n):
            for i in range(n):
                yield await wait(i)
        class Manager:
            async def __aenter__(self):
                return await wait('in')
            async def __aexit__(self, *a):
                log.append(await wait('out'))
        async def main():
            async with Manager() as m:
                log.append(m)
            return [x async for x in numbers(3)], await asyncio.gather(wait(1), wait(2))
        result = asyncio.run(main())
    """,
    "match": """
        class P:
            __match_args__ = ('x',)
            def __init__(self, x):
                self.x = x
        def kind(v):
            match v:
                case P(x=int(y)) if abs(y) > 1:
                    return str(y)
                case [first, *rest]:
                    return len(rest)
                case {'k': k}:
                    return str(k)
                case _:
                    return repr(v)
        result = [kind(v) for v in (P(5), P(1) and 3, [1, 2], {'k': 1})]
    """,
    "f-strings": """
        name = 'a'
        result = f'{name.upper()!r:>{len(name) + 5}} {max(1, 2)}', f'{sum([abs(x) for x in range(-3, 0)])=}'
        result += (
            f'''{name.upper()
            } {[str(x) for x in (1, 2)]}''',
        )
        f'{int(name)}'
    """,
    "global and nonlocal": """
        count = 0
        def bump():
            global count
            count += int(1)
            def inner():
                nonlocal local
                local += int(2)
                return local
            local = int(3)
            return inner()
        result = bump(), bump(), count
    """,
    "defaults and closures": """
        def make():
            made = []
            for i in range(3):
                made.append(lambda x, i=int(i): max(i, x))
            return made
        result = [f(1) for f in make()]
    """,
    "traceback": """
        def deep(n):
            if n == 0:
                return (
                    int('1') +
                    int('x')
                )
            return deep(
                n - 1
            )
        deep(2)
    """,
    "exceptions caught": """
        def bad():
            raise ValueError('no')
        try:
            bad()
        except ValueError as error:
            result = str(error)
            raise RuntimeError('then') from error
    """,
    "finally and with": """
        class M:
            def __enter__(self):
                return log.append('in')
            def __exit__(self, *a):
                log.append(a[0])
                return True
        def f():
            try:
                with M():
                    int('x')
                return len('abc')
            finally:
                log.append('finally')
        result = f()
    """,
    "system exit": "import sys\nsys.exit(3)",
    "interrupt": "def f():\n    raise KeyboardInterrupt('now')\nf()",
    "while and else": """
        n = 3
        while abs(n) > 0:
            n -= len('a')
            if bool(0):
                break
        else:
            log.append(str('else'))
        for c in reversed('ab'):
            log.append(c)
        else:
            log.append(str('done'))
    """,
    "builtins shadowed": "len = lambda x: 'mine'\nresult = len([1]), [len(x) for x in range(2)]",
    "delete": "def f(): return 1\nresult = f()\ndel f\nf()",
    "exec": "exec('result = max(1, 2)')",
    "many calls": "def f(x):\n    return x\nresult = sum([f(i) for i in range(9000)])",
    "many calls of no name": "fs = [abs]\nresult = sum([fs[0](i) for i in range(9000)])",
    "recursion": "def f(n):\n    return 0 if n == 0 else 1 + f(n - 1)\nresult = f(800)",
    "endless recursion": """
        def f(n):
            return f(n + 1)
        try:
            f(0)
        except RecursionError:
            result = 'too deep'
    """,
    "map": "result = list(map(abs, range(-3, 0))), list(map(max, [1, 5], [4, 2]))",
    "pickle by name": """
        import pickle
        result = pickle.loads(pickle.dumps(max)) is max, pickle.loads(pickle.dumps(map(abs, [-1]))).__next__()
    """,
}
if sys.version_info >= (3, 12):
    SNIPPETS["type parameters"] = """
        def first[T: (int, str)](xs: list[T]) -> T:
            return next(iter(xs))
        class Box[T]:
            def __init__(self, x: T):
                self.x = str(x)
        type Alias = list[int]
        result = first([1, 2]), Box(3).x
    """


@pytest.mark.parametrize("name", SNIPPETS)
def test_instrumented_code_does_what_plain_code_does(recorder: Recorder, name: str) -> None:
    source = textwrap.dedent(SNIPPETS[name])
    made = instrumenter(recorder, source).compile(source, PATH)
    plain = outcome(compile(source, PATH, "exec", dont_inherit=True))
    assert outcome(made) == plain
    assert recorder.sites or name in ("f-strings", "exec")
    recorder.recording = False
    assert outcome(made) == plain


LOOPS = {
    "sums and lists": """
        total, out = 0, []
        for x in range(20):
            if x % 3 == 0:
                continue
            total += x
            out.append([x * k for k in range(2)])
        result = total, out, x
    """,
    "errors": """
        for x in range(5):
            try:
                log.append(10 // (x - 2))
            except ZeroDivisionError:
                log.append('zero')
        for x in (1, 0):
            log.append(1 / x)
    """,
    "in a handler": """
        try:
            1 / 0
        except ZeroDivisionError as error:
            for x in range(3):
                log.append((x, str(error)))
    """,
    "functions and recursion": """
        def walk(depth):
            seen = []
            for x in range(2):
                seen.append((depth, x))
                if depth:
                    seen.extend(walk(depth - 1))
            return seen
        result = walk(3)
    """,
    "generators left early": """
        squares = (x * x for x in range(10))
        result = next(squares), next(squares)
        squares.close()
        result += ({k: v for k, v in zip('ab', range(2))}, {x % 2 for x in range(5)}, list(x for x in 'abc'))
    """,
    "private names": """
        class A:
            def __init__(self):
                self.__k = 3
            def run(self, xs):
                out = []
                for x in xs:
                    out.append(self.__k * x)
                return out
        result = A().run(range(4))
    """,
    "while": """
        queue, out, i = [3, 2, 1], [], 0
        while queue:
            n = queue.pop()
            out.append(n)
        while i < 3:
            out.append(i)
            i += 1
        else:
            log.append('else')
        result = out, i
    """,
    "definitions inside": """
        made = []
        for x in range(3):
            def f(y, x=x):
                return x + y
            class C:
                z = x
            made.append((f(1), C.z, (lambda: x)()))
        result = made
    """,
    "many turns": "out = 0\nfor x in range(9000):\n    out += x\nresult = out",
    "one line": "out = []\nfor x in range(3): out.append(x)\nresult = out",
}


def planned(source: str, folder: Path) -> tuple[dict[str, Any], ...]:
    """Every loop of the source that can be recorded turn by turn."""
    file = folder / "script.py"
    file.write_text(source, encoding="utf-8")
    loops = [node for node in ast.walk(ast.parse(source)) if isinstance(node, source_trees.Loop)]
    here = {(node.lineno, node.col_offset) for node in loops}
    nodes = [node for node in source_trees.parents(str(file)) if isinstance(node, source_trees.Loop)]
    found = [outline(str(file), node) for node in nodes if (node.lineno, node.col_offset) in here]
    return tuple(asdict(loop) | {"file": PATH} for loop in found if isinstance(loop, Outline))


@pytest.mark.parametrize("name", [*LOOPS, *SNIPPETS])
def test_loops_recorded_turn_by_turn_do_what_plain_ones_do(recorder: Recorder, name: str, tmp_path: Path) -> None:
    source = textwrap.dedent(LOOPS.get(name) or SNIPPETS[name])
    plans = planned(source, tmp_path)
    hot = range(1, source.count("\n") + 2)
    made = Instrumenter({PATH: hot}, recorder.new_site, {PATH: plans}, recorder.new_turns).compile(source, PATH)
    plain = outcome(compile(source, PATH, "exec", dont_inherit=True))
    assert outcome(made) == plain
    assert plans or name in SNIPPETS
    for site in recorder.sites.values():
        assert not (isinstance(site, Turns) and (site.open or site.inside or site.failed))
    recorder.recording = False
    assert outcome(made) == plain


def test_every_turn_is_counted_and_some_are_kept(recorder: Recorder, tmp_path: Path) -> None:
    source = "k = 2\nout = []\nfor x in range(9000):\n    out.append(x * k)\nout += [y + k for y in range(50)]\n"
    plans = planned(source, tmp_path)
    instrumenting = Instrumenter({PATH: [4]}, recorder.new_site, {PATH: plans}, recorder.new_turns)
    exec(instrumenting.compile(source, PATH), {})
    recorder.stop()
    loop, comprehension = (site for site in recorder.sites.values() if isinstance(site, Turns))
    assert (loop.tally.calls, comprehension.tally.calls) == (9000, 50)
    turn, (item,), _ = loop.sample.tasks[3].load()
    assert turn(item) == {"out": [2 * item]}
    assert turn(1, 2, 3) == {"out": [2, 4, 6]}
    turn, _, _ = comprehension.sample.tasks[0].load()
    assert turn(1, 2) == [3, 4]


@pytest.mark.parametrize("name", SNIPPETS)
def test_code_objects_are_paired_and_restored(recorder: Recorder, name: str) -> None:
    source = textwrap.dedent(SNIPPETS[name])
    rewriting = instrumenter(recorder, source)
    made = rewriting.compile(source, PATH)
    plain = compile(source, PATH, "exec", dont_inherit=True)

    def tree(code: types.CodeType) -> list[Any]:
        return [code.co_name, [tree(const) for const in code.co_consts if isinstance(const, types.CodeType)]]

    assert tree(made) == tree(plain)
    space: dict[str, Any] = {"__name__": "snippet", "log": []}
    with contextlib.suppress(BaseException):  # the snippets that raise have made their functions before
        exec(made, space)
    with_functions = [thing for thing in space.values() if isinstance(thing, types.FunctionType)]
    rewriting.restore(with_functions)
    for function in with_functions:
        if function.__code__.co_filename == PATH:
            assert not [name for name in function.__code__.co_names if name.startswith("_advisor")]


def sites(recorder: Recorder) -> dict[tuple[str, str], Site]:
    return {(site.where["callee"], site.where["function"]): site for site in recorder.sites.values()}


def test_where_a_call_stands_is_told(recorder: Recorder) -> None:
    source = textwrap.dedent("""
        class C:
            def m(self):
                def inner():
                    return abs(1)
                return [inner() for _ in range(2)]
        @staticmethod
        def f(x=int(3)):
            for c in reversed('ab'):
                g = lambda: str(
                    c
                )
                while len(g()) > 5:
                    pass
            else:
                ord('x')
    """)
    instrumenter(recorder, source).compile(source, PATH)
    where = {
        key: (site.where["line"], site.where["end_line"], site.where["in_loop"])
        for key, site in sites(recorder).items()
    }
    assert where == {
        ("abs", "C.m.<locals>.inner"): (5, 5, False),
        ("inner", "C.m"): (6, 6, True),
        ("range", "C.m"): (6, 6, False),
        ("int", "<module>"): (8, 8, False),
        ("reversed", "f"): (9, 9, False),
        ("str", "f.<locals>.<lambda>"): (10, 12, True),
        ("len", "f"): (13, 13, True),
        ("g", "f"): (13, 13, True),
        ("ord", "f"): (16, 16, False),
    }


def test_only_hot_lines_are_rewritten(recorder: Recorder) -> None:
    source = "abs(\n  1)\nmax(1, 2)\nint(3)\n"
    instrumenter(recorder, source, range(2, 4)).compile(source, PATH)
    assert {site.where["callee"] for site in recorder.sites.values()} == {"abs", "max"}


def test_other_files_are_compiled_as_they_are(recorder: Recorder) -> None:
    code = instrumenter(recorder, "x").compile("abs(1)", "/somewhere/else.py")
    assert code == compile("abs(1)", "/somewhere/else.py", "exec", dont_inherit=True)


def test_a_syntax_error_is_the_interpreters_own(recorder: Recorder) -> None:
    with pytest.raises(SyntaxError) as caught:
        instrumenter(recorder, "x").compile("abs(1", PATH)
    assert caught.value.filename == PATH


def test_source_too_deep_to_rewrite_runs_as_it_is(recorder: Recorder) -> None:
    source = "result = " + "-".join(["abs(1)"] * 600)
    assert outcome(instrumenter(recorder, source).compile(source, PATH))[1] == -598


def test_declared_encodings_and_future_imports(recorder: Recorder) -> None:
    source = "# -*- coding: latin-1 -*-\nfrom __future__ import annotations\nresult = len('é')\n".encode("latin-1")
    code = Instrumenter({PATH: [3]}, recorder.new_site).compile(source, PATH)
    assert outcome(code)[1] == 1


@pytest.fixture
def finder_in_place(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """`hot_module.py` and `cold_module.py`, importable; the first has a hot line."""
    for name in ("hot_module", "cold_module"):
        (tmp_path / f"{name}.py").write_text("value = abs(-1)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    Instrumenter({str(tmp_path / "hot_module.py"): [1]}, recorder.new_site).install()
    yield tmp_path
    for name in ("hot_module", "cold_module"):
        sys.modules.pop(name, None)


def test_imported_modules_are_instrumented_and_not_cached(recorder: Recorder, finder_in_place: Path) -> None:
    hot, cold = importlib.import_module("hot_module"), importlib.import_module("cold_module")
    assert (hot.value, cold.value) == (1, 1)
    (site,) = recorder.sites.values()
    assert (site.tally.calls, site.where["file"]) == (1, str(finder_in_place / "hot_module.py"))
    assert not list(finder_in_place.glob("__pycache__/hot_module*"))
    assert hot.__spec__ is not None
    assert importlib.reload(hot).value == 1


def test_counts_stay_exact_through_names_and_expressions(recorder: Recorder) -> None:
    calls = OFF_AFTER_CALLS * 3 + 77
    source = f"f = [abs]\nfor i in range({calls}):\n    abs(i)\n    f[0](i)\n"
    exec(instrumenter(recorder, source).compile(source, PATH), {"__name__": "x"})
    recorder.stop()
    assert {key[0]: site.tally.calls for key, site in sites(recorder).items()} == {
        "abs": calls,
        "f[0]": calls,
        "range": 1,
    }


def test_a_lambda_in_a_default_and_a_partial_as_callee(recorder: Recorder) -> None:
    source = "import functools\nf = functools.partial(max, 3)\nresult = [f(i) for i in range(5)]"
    assert outcome(instrumenter(recorder, source).compile(source, PATH))[1] == [3, 3, 3, 3, 4]
    assert functools.reduce(max, itertools.chain([1], [2])) == 2


def test_an_element_that_raised_does_not_keep_the_next_ones_from_being_recorded(
    recorder: Recorder, tmp_path: Path
) -> None:
    source = "for k in range(40):\n    try:\n        [10 // (x - 3 + k) for x in range(6)]\n"
    source += "    except ZeroDivisionError:\n        pass\n"
    plans = [plan for plan in planned(source, tmp_path) if plan["line"] == 3]
    instrumenting = Instrumenter({PATH: [3]}, recorder.new_site, {PATH: plans}, recorder.new_turns)
    exec(instrumenting.compile(source, PATH), {})
    recorder.stop()
    (site,) = (site for site in recorder.sites.values() if isinstance(site, Turns))
    assert site.tally.calls == 4 + 3 + 2 + 1 + 36 * 6
    assert len(site.sample.tasks) == 3 + 2 + 1 + 36 * 6
