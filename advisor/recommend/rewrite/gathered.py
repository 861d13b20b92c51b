"""A turn that counts, or fills lists, somewhere inside: each counts for itself, and the counts are added up."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from advisor.analyse import source
from advisor.analyse.names import uses_of
from advisor.model.outline import Outline
from advisor.recommend.rewrite.around import live_after
from advisor.recommend.rewrite.change import Change, NoChangeError, indented
from advisor.recommend.rewrite.engine import Items, Workshop
from advisor.recommend.rewrite.lined import stream
from advisor.recommend.rewrite.own import is_closed, is_quiet, made, mutated
from advisor.recommend.rewrite.plain import Plain, exposed_in, names_in
from advisor.recommend.rewrite.sharing import names_of_all, shared_names
from advisor.recommend.rewrite.text import block


def gathered(shop: Workshop, plain: Plain, loop: ast.For, found: Outline, reads: set[str]) -> Change:
    """A turn that counts, or fills lists, somewhere inside: each counts for itself, and the counts are added up."""
    begin = {name: _beginning(shop.file, loop, name) for name, _ in found.accumulators}
    targets, live, uses = names_in(loop.target), live_after(shop.file, loop), uses_of(loop.body, names_in(loop.target))
    if not begin or not is_closed(loop.body) or not is_quiet(loop.body, plain):
        raise NoChangeError("no part of a turn could be done elsewhere")
    if (
        not set(uses.exposed) & set(uses.set) <= begin.keys()
        or not mutated(loop.body) <= made(loop.body) | begin.keys()
    ):
        raise NoChangeError("a turn changes more than it adds to")
    called = {name for function in plain.called(loop.body) for name in exposed_in(function)} | reads
    seen = called & (begin.keys() | targets | set(uses.set)) & shared_names(shop.file, loop)
    if seen or targets & (live | set(uses.set)) or (set(uses.set) & live) - begin.keys():
        raise NoChangeError("what a turn sets is read elsewhere")
    names = sorted(begin)
    starts = [f"{name} = {begin[name]}" for name in names]
    body = "\n".join([*starts, block(shop.file, loop.body, {}), f"return {', '.join(names)}"])
    call = defined(shop, found, body, loop.target, loop.body)
    results, _ = stream(shop, call, Items(target=loop.target, over=loop.iter), targets, again=False)
    parts = {name: shop.names.fresh(f"{name}_part") for name in names}
    taken = ", ".join(parts.values()) if len(parts) == 1 else f"({', '.join(parts.values())})"
    added = [f"{name} += {part}" if begin[name] == "0" else f"{name}.extend({part})" for name, part in parts.items()]
    return shop.written(f"for {taken} in {results}:\n{indented(chr(10).join(added))}", loop, loop)


def _beginning(file: str, loop: ast.For, name: str) -> str:
    """`0` for a whole number that ones are added to, `[]` for a list that is only appended to. Raises NoChangeError.

    Sums of fractions come out otherwise when they are added up in another order.
    """
    inside = {node for part in loop.body for node in ast.walk(part)}
    parents = source.parents(file)
    uses = [node for node in inside if isinstance(node, ast.Name) and node.id == name]
    sets = [parents[node] for node in parents if isinstance(node, ast.Name) and node.id == name and node not in inside
            and not isinstance(node.ctx, ast.Load)]  # fmt: skip
    values = [node.value for node in sets if isinstance(node, ast.Assign)]
    if (
        len(values) != len(sets)
        or not values
        or any(isinstance(node, ast.arg) and node.arg == name for node in parents)
    ):
        raise NoChangeError("what it begins with is not known")
    if all(_is_whole(value) for value in values) and all(_is_counted(parents[node], node) for node in uses):
        return "0"
    listed = all(isinstance(value, ast.List | ast.ListComp) for value in values)
    if listed and all(_is_appended(parents, node) for node in uses):
        return "[]"
    raise NoChangeError("what turns add up may come out otherwise")


def _is_whole(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and type(value.value) is int


def _is_counted(parent: ast.AST, node: ast.AST) -> bool:
    counts = isinstance(parent, ast.AugAssign) and isinstance(parent.op, ast.Add) and parent.target is node
    return counts and isinstance(parent, ast.AugAssign) and _is_whole(parent.value)


def _is_appended(parents: Mapping[ast.AST, ast.AST], node: ast.AST) -> bool:
    method = parents[node]
    call = parents.get(method)
    return (
        isinstance(method, ast.Attribute) and method.attr in ("append", "extend") and isinstance(call, ast.Call)
        and call.func is method and isinstance(parents.get(call), ast.Expr)
    )  # fmt: skip


def defined(shop: Workshop, found: Outline, body: str, target: ast.expr, worked: Sequence[ast.AST]) -> ast.Call:
    """The turn as a function, and the call of it: beside the loop for threads, of the module for processes."""
    read = names_of_all(worked)
    items = [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]
    given = [name for name in items if name in read] or items[:1]
    if len(set(given)) != len(given):
        raise NoChangeError("an item sets one name twice")
    apart = shop.mix.backend != "threads"
    given += [name for name in found.sent if name in read and name not in given] if apart else []
    if found.owner and any(name.startswith("__") and not name.endswith("__") for name in _attributes(worked)):
        raise NoChangeError("private names of a class")
    name = shop.names.fresh("turn", "one_turn")
    text = f"def {name}({', '.join(given)}):\n{indented(body)}\n"
    if apart:
        shop.beside = text
        shop.functions.add(name)
    else:
        shop.setup.append(text)
    arguments: list[ast.expr] = [ast.Name(id=each, ctx=ast.Load()) for each in given]
    return ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=arguments, keywords=[])


def _attributes(worked: Sequence[ast.AST]) -> set[str]:
    return {node.attr for part in worked for node in ast.walk(part) if isinstance(node, ast.Attribute)}
