"""A call that holds up an event loop, awaited from a thread of the loop's own."""

from __future__ import annotations

import ast

from advisor.recommend.rewrite.apart import plain_callee, shared_names
from advisor.recommend.rewrite.around import climb
from advisor.recommend.rewrite.change import Change, NoChangeError, names_of
from advisor.recommend.rewrite.plain import is_names, names_in
from advisor.recommend.rewrite.text import block, expression, must_be_alone

_SIMPLE = (ast.Assign, ast.AnnAssign, ast.Expr, ast.Return)


def awaited(file: str, call: ast.Call, note: str = "") -> Change:
    """The statement with `await asyncio.to_thread(f, x)` in place of a call, under a comment `note`.

    Raises NoChangeError where the call stands outside of a coroutine, or where other tasks could come between a value
    that is read and its use.
    """
    statement = _statement(file, call)
    must_be_alone(file, statement, statement)
    if getattr(statement, "value", None) is not call and not _sets_own_names(file, statement):
        raise NoChangeError("another task may change what is read before the call and set after it")
    names = names_of(file)
    given = [expression(file, each) for each in call.args]
    given += [f"{each.arg}={expression(file, each.value)}" if each.arg else f"**{expression(file, each.value)}"
              for each in call.keywords]  # fmt: skip
    callee = expression(file, call.func)
    if callee == "time.sleep" or (callee == "sleep" and names.bound.get("sleep") == "from time import sleep"):
        text = f"await {names.module('asyncio')}.sleep({', '.join(given)})"
    else:
        text = f"await {names.module('asyncio')}.to_thread({', '.join((callee, *given))})"
    alone = getattr(statement, "value", None) is call
    body = block(file, [statement], {call: text if alone else f"({text})"})
    return Change(
        first_line=statement.lineno, last_line=statement.end_lineno or statement.lineno,
        text="\n".join([*([f"# {note}"] if note else []), body]), imports=tuple(names.imports),
    )  # fmt: skip


def _statement(file: str, call: ast.Call) -> ast.stmt:
    if not plain_callee(call.func):
        raise NoChangeError("what is called is made on the way")
    found: ast.stmt | None = None
    for parent, _ in climb(file, call):
        if isinstance(parent, ast.AsyncFunctionDef) and found is not None:
            return found
        lazy = ast.Lambda | ast.GeneratorExp | ast.FunctionDef | ast.ClassDef | ast.AugAssign
        if isinstance(parent, lazy):
            raise NoChangeError("the call is not made by the coroutine itself")
        if isinstance(parent, ast.stmt) and found is None:
            if not isinstance(parent, _SIMPLE):
                raise NoChangeError("the call stands in the head of a statement")
            found = parent
    raise NoChangeError("no coroutine makes the call")


def _sets_own_names(file: str, statement: ast.stmt) -> bool:
    """True for a statement that sets nothing, or names of its own function."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    shared = shared_names(file, statement)
    return all(is_names(target) and not names_in(target) & shared for target in targets)
