"""Workers that take their tasks from a queue: told by the source of what a thread or process runs."""

from __future__ import annotations

import ast

from advisor.analyse import source
from advisor.model.recording import RecordedSite

_DRAWS = frozenset({"get_nowait", "popleft", "recv", "recv_bytes", "recv_string", "recv_pyobj"})
_QUEUE_OPTIONS = frozenset({"block", "timeout"})


def draws_from_queue(recorded: RecordedSite | None) -> bool:
    """True for the target of a thread or process that draws one task after the other in a loop of its own.

    By the time the script is over its queue is empty, and more of it would wait for ever.
    """
    if recorded is None or recorded.kind != "pool" or recorded.callee_file is None or recorded.callee_line is None:
        return False
    function = source.function_at(recorded.callee_file, recorded.callee_line)
    if function is None:
        return False
    loops = [node for node in ast.walk(function) if isinstance(node, source.LoopStatement)]
    return any(_draws(node) for loop in loops for node in ast.walk(loop))


def _draws(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name) and node.func.id == "iter" and len(node.args) == 2:  # noqa: PLR2004
        return isinstance(node.args[0], ast.Attribute) and (node.args[0].attr == "get" or node.args[0].attr in _DRAWS)
    if not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr in _DRAWS or (node.func.attr == "get" and _is_of_queue(node))


def _is_of_queue(call: ast.Call) -> bool:
    """`queue.get()`, `queue.get(timeout=1)`: a dictionary's `get` is given a key."""
    given = all(isinstance(arg, ast.Constant) and isinstance(arg.value, bool) for arg in call.args[:1])
    return given and {keyword.arg for keyword in call.keywords} <= _QUEUE_OPTIONS
