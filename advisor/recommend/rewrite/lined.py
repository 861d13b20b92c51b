"""The arguments of all calls lined up for `pool.map`, call by call or in groups."""

from __future__ import annotations

import ast

from advisor.analyse import source
from advisor.recommend.rewrite.around import scope_around
from advisor.recommend.rewrite.change import NoChangeError
from advisor.recommend.rewrite.engine import Items, Workshop, display, target_text
from advisor.recommend.rewrite.plain import names_in

MOST_ARGUMENTS = 90
"""Longest call of `map` on one line."""
_AGAIN = frozenset({"range", "sorted", "list", "tuple", "items", "keys", "values"})
"""What can be gone through more than once."""


def stream(shop: Workshop, call: ast.Call, items: Items, own: set[str], *, again: bool) -> tuple[str, str]:
    """What gives the results one by one, in order, and what goes through the same items beside it.

    `again` where the items are gone through once more. Lines that this needs first are put into the setup. Raises
    NoChangeError where the arguments do not let themselves be lined up.
    """
    if not shop.single and shop.mix.backend != "processes":
        return _grouped(shop, call, items, own, again=again)
    func = _function(shop, call, own)
    columns = len([each for each in call.args if names_in(each) & own])
    if columns == 0 or any(isinstance(each, ast.Starred) for each in call.args):
        raise NoChangeError("no argument differs from call to call")
    over = source_text(shop, items, again=again or columns > 1)
    listed = [_column(shop, each, items, over, own) for each in call.args]
    size = f", chunksize={shop.mix.chunk}" if shop.mix.chunk > 1 else ""
    line = f"{shop.pool}.map({', '.join((func, *listed))}{size})"
    if len(line) > MOST_ARGUMENTS:
        line = f"{shop.pool}.map(\n    " + ",\n    ".join((func, *listed, *([size[2:]] if size else []))) + ",\n)"
    return line, over


def source_text(shop: Workshop, items: Items, *, again: bool) -> str:
    """What the items come from; as a list made first, where it may only be gone through once or holds others too."""
    text = shop.text(items.over)
    if items.tests:
        name = shop.names.fresh("items", "given")
        shop.setup.append(f"{name} = {display('[', target_text_of_item(shop, items.target), items.after(shop), ']')}")
        return name
    if again and not can_go_again(shop.file, items.over):
        name = shop.names.fresh("items", "given")
        shop.setup.append(f"{name} = list({text})")
        return name
    return text


def target_text_of_item(shop: Workshop, target: ast.expr) -> str:
    """The item itself, in the names that it is taken apart into."""
    return shop.text(target)


def can_go_again(file: str, over: ast.expr) -> bool:
    """True where the source tells that what is gone over is no iterator."""
    if isinstance(over, ast.List | ast.Tuple | ast.Set | ast.Dict | ast.ListComp | ast.SetComp | ast.DictComp):
        return True
    if isinstance(over, ast.Call):
        if source.called(over) in ("enumerate", "zip", "reversed"):
            return all(can_go_again(file, each) for each in over.args)
        return source.called(over) in _AGAIN
    if isinstance(over, ast.Name):
        return _is_bound_again(file, over)
    return isinstance(over, ast.Constant)


def _is_bound_again(file: str, name: ast.Name) -> bool:
    """True for a name that is set once, to what can be gone through again."""
    scope = scope_around(file, name)
    whole: ast.AST | None = scope if scope is not None else source.tree(file)
    values = []
    for node in ast.walk(whole) if whole is not None else ():
        if isinstance(node, ast.Name) and node.id == name.id and not isinstance(node.ctx, ast.Load):
            values.append(source.parents(file).get(node))
        elif isinstance(node, ast.arg) and node.arg == name.id:
            return False
    single = values[0] if len(values) == 1 else None
    made = single.value if isinstance(single, ast.Assign | ast.AnnAssign) else None
    return made is not None and not isinstance(made, ast.Name) and can_go_again(file, made)


def _function(shop: Workshop, call: ast.Call, own: set[str]) -> str:
    """What is called, with the keywords that all calls have bound to it."""
    if names_in(call.func) & own:
        raise NoChangeError("each item has a function of its own")
    if not call.keywords:
        return shop.text(call.func)
    if any(each.arg is None or not _is_fixed(each.value, own) for each in call.keywords):
        raise NoChangeError("keywords differ from call to call")
    partial = shop.names.imported("functools", "partial")
    given = ", ".join(f"{each.arg}={shop.text(each.value)}" for each in call.keywords)
    return f"{partial}({shop.text(call.func)}, {given})"


def _is_fixed(node: ast.expr, own: set[str]) -> bool:
    """True for what is one and the same object in every call."""
    if isinstance(node, ast.Attribute):
        return _is_fixed(node.value, own)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id not in own)


def _column(shop: Workshop, given: ast.expr, items: Items, over: str, own: set[str]) -> str:
    """One argument of all calls, as an iterable."""
    if _is_fixed(given, own):
        return f"{shop.names.imported('itertools', 'repeat')}({shop.text(given)})"
    if isinstance(given, ast.Name) and isinstance(items.target, ast.Name) and given.id == items.target.id:
        return over
    view = _view(shop, given, items) if not items.tests else ""
    if view:
        return view
    return f"({shop.text(given)} for {target_text(shop, items.target)} in {over})"


def _view(shop: Workshop, given: ast.expr, items: Items) -> str:
    """The keys or the values of a mapping whose items are gone through; "" for all else."""
    over = items.over
    is_view = isinstance(over, ast.Call) and not over.args and isinstance(over.func, ast.Attribute)
    mapping = over.func.value if is_view and over.func.attr == "items" else None  # type: ignore[attr-defined]
    if mapping is None or not isinstance(items.target, ast.Tuple) or not isinstance(given, ast.Name):
        return ""
    parts = [part.id if isinstance(part, ast.Name) else "" for part in items.target.elts]
    if len(parts) != 2 or parts.count(given.id) != 1:  # noqa: PLR2004  # key and value
        return ""
    return f"{shop.text(mapping)}.{('keys', 'values')[parts.index(given.id)]}()"


def _grouped(shop: Workshop, call: ast.Call, items: Items, own: set[str], *, again: bool) -> tuple[str, str]:
    """Groups of calls, each made by a function of its own: in a thread, or by the threads of a process."""
    hybrid = shop.mix.backend == "hybrid"
    if names_in(call.func) & own or any(isinstance(each, ast.Starred) for each in call.args):
        raise NoChangeError("each item has a function of its own")
    if any(each.arg is None or not _is_fixed(each.value, own) for each in call.keywords) or (hybrid and call.keywords):
        raise NoChangeError("keywords differ from call to call")
    if hybrid and not _is_of_module(shop, call.func):
        raise NoChangeError("another process would not find the function")
    over = source_text(shop, items, again=again)
    group, name = shop.names.fresh("group", "part"), shop.names.fresh(f"{_last(call.func)}_all", "run_all")
    one = len(call.args) == 1
    element = shop.text(call.args[0]) if one else f"({', '.join(map(shop.text, call.args))})"
    plain = one and isinstance(call.args[0], ast.Name) and isinstance(items.target, ast.Name) and (
        call.args[0].id == items.target.id)  # fmt: skip
    jobs = shop.names.fresh("jobs", "tasks")
    made = f"list({over})" if plain else display(
        "[", element, f"for {target_text(shop, items.target)} in {over}", "]")  # fmt: skip
    func, keywords = shop.text(call.func), "".join(f", {each.arg}={shop.text(each.value)}" for each in call.keywords)
    job = shop.names.fresh("job", "task")
    if hybrid:
        shop.beside += ("\n\n" if shop.beside else "") + _threaded(shop, name, func, (group, job), one=one)
        size = f"-(-len({jobs}) // {shop.mix.processes})"
        size = f"max({shop.mix.chunk}, {size})"
    else:
        given = f"{'' if one else '*'}{job}{keywords}"
        shop.setup.append(f"def {name}({group}):\n    return [{func}({given}) for {job} in {group}]\n")
        size = str(shop.mix.chunk)
    shop.setup.append(f"{jobs} = {made}")
    at, groups = shop.names.fresh("at", "begin"), shop.names.fresh("groups", "parts")
    if hybrid:
        wide = shop.names.fresh("size", "length")
        shop.setup.append(f"{wide} = {size}")
        size = wide
    shop.setup.append(f"{groups} = [{jobs}[{at} : {at} + {size}] for {at} in range(0, len({jobs}), {size})]")
    chain = shop.names.imported("itertools", "chain")
    return f"{chain}.from_iterable({shop.pool}.map({name}, {groups}))", jobs if plain else over


def _threaded(shop: Workshop, name: str, func: str, given: tuple[str, str], *, one: bool) -> str:
    """The function by which a process of a hybrid runs its calls on threads of its own; `given` names group and job.

    No name in it is one of the file's: `func` may be called `job`.
    """
    group, job = given
    kind = shop.names.imported("concurrent.futures", "ThreadPoolExecutor")
    threads = shop.names.fresh("threads", "inner")
    head = f"def {name}({group}):\n    with {kind}(max_workers={shop.mix.threads_per_process}) as {threads}:\n"
    if one:
        return f"{head}        return list({threads}.map({func}, {group}))\n"
    futures, future = shop.names.fresh("futures", "handed"), shop.names.fresh("future", "promise")
    return (
        f"{head}        {futures} = [{threads}.submit({func}, *{job}) for {job} in {group}]\n"
        f"        return [{future}.result() for {future} in {futures}]\n"
    )


def _is_of_module(shop: Workshop, func: ast.expr) -> bool:
    """True for a function that the module knows by name."""
    root = func
    while isinstance(root, ast.Attribute):
        root = root.value
    module = source.tree(shop.file)
    tops = {node.name for node in (module.body if module else ()) if isinstance(node, source.Function | ast.ClassDef)}
    imports = {name for name, line in shop.names.bound.items() if line.startswith("from ")}
    imports |= {alias.asname or alias.name for node in (module.body if module else ())
                if isinstance(node, ast.Import) for alias in node.names}  # fmt: skip
    return isinstance(root, ast.Name) and root.id in tops | imports | shop.functions


def _last(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else ast.unparse(func)


def is_local_function(shop: Workshop, func: ast.expr) -> bool:
    """True for a function defined inside another one, which cannot be sent to a process."""
    module = source.tree(shop.file)
    tops = module.body if module is not None else []
    inner = {node.name for node in source.functions(shop.file) if node not in tops}
    return isinstance(func, ast.Name) and func.id in inner and not _is_of_module(shop, func)
