"""A comprehension around a call: the statement it stands in, with the results of a pool in its place."""

from __future__ import annotations

import ast

from advisor.analyse import source
from advisor.model.trial import WorkerMix
from advisor.recommend.rewrite.apart import plain_callee
from advisor.recommend.rewrite.around import Callee, climb, scope_around
from advisor.recommend.rewrite.change import Change, NoChangeError
from advisor.recommend.rewrite.engine import Items, Workshop, display, target_text, workshop
from advisor.recommend.rewrite.lined import is_local_function, stream
from advisor.recommend.rewrite.plain import Plain, is_names, names_in
from advisor.recommend.rewrite.sharing import check_globals
from advisor.recommend.rewrite.text import block, swapped

CONSUMERS = frozenset({
    "Counter", "bytes", "dict", "frozenset", "fsum", "join", "list", "max", "mean", "min", "set", "sorted", "sum",
    "tuple",
})  # fmt: skip
"""What uses up a generator there and then, to its end."""
_UNSURE = (
    ast.IfExp, ast.BoolOp, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom, ast.comprehension, ast.ListComp,
    ast.SetComp, ast.DictComp, ast.GeneratorExp, *source.SCOPES,
)  # fmt: skip
"""What may evaluate its parts not at all, several times, or later."""
_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return)


def rewritten_comprehension(
    file: str, node: source.Comprehension, call: ast.Call, mix: WorkerMix, callee: Callee
) -> Change:
    """The statement around a comprehension whose elements make a call, on workers. Raises NoChangeError."""
    plain = Plain(file)
    statement = statement_of(file, node, plain)
    own = {name for part in node.generators for name in names_in(part.target)}
    _check(node, call, plain)
    check_globals(file, node, callee, plain, set())
    if mix.backend != "threads" and is_local_function(workshop(file, mix), call.func):
        raise NoChangeError("another process would not find the function")
    problem: NoChangeError | None = None
    for way in (_streamed, _submitted):
        shop = workshop(file, mix)
        try:
            return way(shop, node, call, statement, own)
        except NoChangeError as error:
            problem = problem or error
    raise problem or NoChangeError("no way to write it was found")


def statement_of(file: str, node: source.Comprehension, plain: Plain) -> ast.stmt:
    """The simple statement that evaluates a comprehension once, before anything else that matters."""
    scope_around(file, node)
    around = set[ast.AST]()
    lazy = isinstance(node, ast.GeneratorExp)
    for parent, child in climb(file, node):
        if lazy and not _uses_up(parent, child, plain):
            raise NoChangeError("the generator may not be used up there and then")
        lazy = False
        if isinstance(parent, ast.stmt):
            if not isinstance(parent, _SIMPLE):
                raise NoChangeError("the comprehension stands in the head of a statement")
            _check_first(parent, node, around, plain)
            return parent
        if isinstance(parent, _UNSURE):
            raise NoChangeError("the comprehension may not be evaluated once")
        around.add(parent)
    raise NoChangeError("no statement holds the comprehension")


def _uses_up(parent: ast.AST, child: ast.AST, plain: Plain) -> bool:
    """True for a call that goes through the generator it is given, by a name that means what it says."""
    if not isinstance(parent, ast.Call) or source.called(parent) not in CONSUMERS or child not in parent.args:
        return False
    return not isinstance(parent.func, ast.Name) or plain.bound.get(parent.func.id) != ""


def _check_first(statement: ast.stmt, node: ast.expr, around: set[ast.AST], plain: Plain) -> None:
    """Raises NoChangeError where a statement yields, or does more than compute before the comprehension."""
    inside = set(ast.walk(node))
    for each in ast.walk(statement):
        if isinstance(each, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            raise NoChangeError("the statement is left in its middle")
        if not isinstance(each, ast.Call) or each in inside or each in around or plain.expression(each):
            continue
        if (each.lineno, each.col_offset) < (node.lineno, node.col_offset):
            raise NoChangeError("the statement does more than compute before the calls")


def _check(node: source.Comprehension, call: ast.Call, plain: Plain) -> None:
    """Raises NoChangeError where making the calls first could be noticed."""
    if any(part.is_async or not is_names(part.target) for part in node.generators):
        raise NoChangeError("its items come from an event loop, or set more than names")
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    tests = [test for part in node.generators for test in part.ifs]
    later = [part.iter for part in node.generators[1:]]
    if not all(map(plain.expression, (*given, *tests, *later))) or not plain_callee(call.func):
        raise NoChangeError("what the call is given does more than compute")
    for each in ast.walk(node.generators[0].iter):
        if isinstance(each, ast.Lambda | ast.NamedExpr) or (
            isinstance(each, ast.Name) and each.id in ("print", "input")
        ):
            raise NoChangeError("the items are made on the way")
    if plain.is_loud([node.generators[0].iter]):
        raise NoChangeError("what makes the items writes to the screen")
    values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    for value in values:
        _check_value(value, call, plain)


def _check_value(value: ast.expr, call: ast.Call, plain: Plain) -> None:
    """Raises NoChangeError where an element may not make the call, or changes what later calls are given."""
    inside = set(ast.walk(call))
    if value is not call and call in set(ast.walk(value)):
        for node in ast.walk(value):
            decides = isinstance(node, ast.IfExp | ast.BoolOp | ast.Lambda | source.Comprehension)
            if decides and call in set(ast.walk(node)) and node not in inside:
                raise NoChangeError("an element may not make the call")
    for node in ast.walk(value):
        if node in inside:
            continue
        if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
            raise NoChangeError("an element sets names")
        if isinstance(node, ast.Call) and call not in set(ast.walk(node)) and not plain.expression(node):
            raise NoChangeError("an element does more than compute beside the call")
        if isinstance(node, ast.Call) and call in set(ast.walk(node)) and not plain.callee(node, 0):
            raise NoChangeError("an element hands the result to something that is not known")


def _streamed(shop: Workshop, node: source.Comprehension, call: ast.Call, statement: ast.stmt, own: set[str]) -> Change:
    """`[f(x) for x in xs]` as `list(pool.map(f, xs))`, with the rest of the element round it."""
    if len(node.generators) > 1:
        raise NoChangeError("its items come from several loops")
    part = node.generators[0]
    items = Items(target=part.target, over=part.iter, tests=tuple(part.ifs))
    values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    if values == [call]:
        results, _ = stream(shop, call, items, own, again=False)
        kinds = {ast.ListComp: f"list({results})", ast.SetComp: f"set({results})"}
        return placed(shop, statement, node, kinds.get(type(node), results))
    outside = set(ast.walk(call))
    kept = {each.id for value in values for each in ast.walk(value) if isinstance(each, ast.Name)
            and each not in outside} & own  # fmt: skip
    results, over = stream(shop, call, items, own, again=bool(kept))
    name = shop.names.fresh("value", "result", "returned")
    element = _element(shop, node, {call: name})
    target = target_text(shop, part.target)
    grouped = f"({target})" if isinstance(part.target, ast.Tuple) else target
    clauses = f"for {grouped}, {name} in zip({over}, {results})" if kept else f"for {name} in {results}"
    return placed(shop, statement, node, bracketed(node, element, clauses))


def _submitted(
    shop: Workshop, node: source.Comprehension, call: ast.Call, statement: ast.stmt, own: set[str]
) -> Change:
    """`futures = [pool.submit(f, x, y) for x in xs for y in ys]`, and their results in the place of the calls."""
    outside = set(ast.walk(call))
    values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    kept = sorted({each.id for value in values for each in ast.walk(value) if isinstance(each, ast.Name)
                   and each not in outside} & own)  # fmt: skip
    future, jobs = (
        shop.names.fresh("future", "promise"),
        shop.names.fresh(*(["jobs", "tasks"] if kept else ["futures"])),
    )
    handed = shop.submitted(call)
    clauses = " ".join(Items(target=part.target, over=part.iter, tests=tuple(part.ifs)).after(shop)
                       for part in node.generators)  # fmt: skip
    element = f"({', '.join((*kept, handed))})" if kept else handed
    first = f"{jobs} = {display('[', element, clauses, ']')}"
    value = _element(shop, node, {call: f"{future}.result()"})
    target = ", ".join((*kept, future))
    return placed(shop, statement, node, bracketed(node, value, f"for {target} in {jobs}"), before=first)


def _element(shop: Workshop, node: source.Comprehension, swaps: dict[ast.AST, str]) -> str:
    """The element of a comprehension with parts replaced."""

    def text(value: ast.expr) -> str:
        here = {each: new for each, new in swaps.items() if each in set(ast.walk(value))}
        return next(iter(here.values())) if value in here else swapped(shop.file, value, here)

    return f"{text(node.key)}: {text(node.value)}" if isinstance(node, ast.DictComp) else text(node.elt)


def bracketed(node: source.Comprehension, element: str, clauses: str) -> str:
    """A comprehension of the same kind as another."""
    brackets = {ast.ListComp: "[]", ast.GeneratorExp: "()"}.get(type(node), "{}")
    return f"{brackets[0]}{element} {clauses}{brackets[1]}"


def placed(shop: Workshop, statement: ast.stmt, node: source.Comprehension, text: str, *, before: str = "") -> Change:
    """The statement with `text` in place of the comprehension, inside of the pool."""
    body = block(shop.file, [statement], {node: text})
    return shop.written(f"{before}\n{body}" if before else body, statement, statement)
