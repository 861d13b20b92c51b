"""A call that holds up an event loop, awaited from a thread of the loop's own."""

from __future__ import annotations

import ast

from advisor.analyse import source
from advisor.analyse.flow import MUTATORS
from advisor.analyse.touches import touches
from advisor.analyse.turns import CHANGES
from advisor.recommend.rewrite.apart import plain_callee, touch_each_other
from advisor.recommend.rewrite.around import climb, scope_around
from advisor.recommend.rewrite.change import Change, NoChangeError, names_of
from advisor.recommend.rewrite.own import made
from advisor.recommend.rewrite.plain import is_names, names_in, paths_in
from advisor.recommend.rewrite.sharing import names_of_all, shared_names
from advisor.recommend.rewrite.text import block, expression, lost_comments, must_be_alone

_SIMPLE = (ast.Assign, ast.AnnAssign, ast.Expr, ast.Return)
_PLAIN = (*_SIMPLE, ast.AugAssign, ast.Delete)


def awaited(file: str, call: ast.Call, note: str = "") -> Change:
    """The statement with `await asyncio.to_thread(f, x)` in place of a call, under a comment `note`.

    Raises NoChangeError where the call stands outside of a coroutine, or where other tasks could come between a value
    that is read and its use.
    """
    statement = _statement(file, call)
    must_be_alone(file, statement, statement)
    if getattr(statement, "value", None) is not call and not _sets_own_names(file, statement):
        raise NoChangeError("another task may change what is read before the call and set after it")
    _must_hold_nothing(file, statement, call)
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
    notes = [*lost_comments(file, statement, statement, body), *([f"# {note}"] if note else [])]
    return Change(
        first_line=statement.lineno, last_line=statement.end_lineno or statement.lineno,
        text="\n".join([*notes, body]), imports=tuple(names.imports),
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


def _must_hold_nothing(file: str, statement: ast.stmt, call: ast.Call) -> None:
    """Raises NoChangeError where the coroutine has read, by the end of the call, what it changes after.

    Nothing came between the two as long as the call held up the loop: `self.n = work(self.n)` loses no update.
    """
    around = scope_around(file, statement)
    assert around is not None
    end = call.end_lineno or call.lineno, call.end_col_offset or 0
    parents = source.parents(file)
    every = [node for part in around.body for node in ast.walk(part)]
    unread = {each for node in every for part in _changed_parts(node) for each in ast.walk(part)}
    read = [node for node in every if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)
            and not isinstance(parents[node], ast.Attribute) and (node.lineno, node.col_offset) < end
            and node not in unread]  # fmt: skip
    later = [node for node in every if isinstance(node, _PLAIN) and node.lineno >= statement.lineno]
    shared = shared_names(file, statement)
    changed = {
        touch.path for touch in touches(later, names_of_all(later)) if touch.how in CHANGES
        and (touch.how != "set" or len(touch.path) > 1 or touch.key or touch.path[0] in shared)
    }  # fmt: skip
    mine = made(around.body)
    held = {path for node in read for path in paths_in(node) if path[0] not in mine}
    if any(touch_each_other(one, other) for one in changed for other in held):
        raise NoChangeError("another task may change what is read before the call and changed after it")


def _changed_parts(node: ast.AST) -> list[ast.expr]:
    """What a statement sets, or adds to and does no more: nothing of what it was is kept."""
    if isinstance(node, ast.Assign):
        return node.targets
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return [node.target]
    func = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    return [func] if isinstance(func, ast.Attribute) and func.attr in MUTATORS else []


def _sets_own_names(file: str, statement: ast.stmt) -> bool:
    """True for a statement that sets nothing, or names of its own function."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    shared = shared_names(file, statement)
    return all(is_names(target) and not names_in(target) & shared for target in targets)
