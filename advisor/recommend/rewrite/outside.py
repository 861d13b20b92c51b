"""What the turns of a loop change outside of the script's memory, where the calls could find it changed."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from advisor.analyse import source
from advisor.recommend.rewrite.around import Turn
from advisor.recommend.rewrite.change import NoChangeError
from advisor.recommend.rewrite.plain import Plain, exposed_in, names_in

PROCESS_WIDE = frozenset({"chdir", "fchdir", "putenv", "setlocale", "umask", "unsetenv"})
"""Functions that change what all code of the process meets."""
OF_ONE_FILE = frozenset({
    "makedirs", "mkdir", "open", "remove", "removedirs", "rmdir", "rmtree", "touch", "truncate", "unlink",
    "write_bytes", "write_text",
})  # fmt: skip
"""Functions and methods that change a file or folder. `open` is taken for one whatever its mode."""
OF_TWO_FILES = frozenset({
    "copy", "copy2", "copyfile", "copytree", "hardlink_to", "link", "move", "rename", "renames", "replace", "symlink",
    "symlink_to",
})  # fmt: skip


def check_outside(turn: Turn, plain: Plain) -> None:
    """Raises NoChangeError where the rest of a turn changes the process's surroundings, or a file that calls name too.

    Files are known by what names them: texts, and names that no turn sets. A file that each turn names anew is its own.
    """
    inside = set(ast.walk(turn.call))
    between = [(node, turn.own) for each in turn.rest for node in ast.walk(each) if node not in inside]
    for function in plain.called(turn.rest):
        own = names_in(function) - exposed_in(function)
        between += [(node, own) for node in ast.walk(function)]
    if any(source.called(node) in PROCESS_WIDE or _sets_environment(node) for node, _ in between):
        raise NoChangeError("a turn changes the folder or the environment that the calls meet")
    shared = _words_of(turn, plain) & {word for node, own in between for word in _written(node, own)}
    if shared:
        raise NoChangeError(f"a turn changes files by way of {', '.join(sorted(shared))}, which the calls name too")


def _sets_environment(node: ast.AST) -> bool:
    """`os.environ[...] = ...`, and its deletion."""
    if not isinstance(node, ast.Subscript) or isinstance(node.ctx, ast.Load):
        return False
    return isinstance(node.value, ast.Attribute) and node.value.attr == "environ"


def _words_of(turn: Turn, plain: Plain) -> set[str]:
    """What a call could name a file by: texts and globals of its functions, and of what it is given."""
    functions = plain.called([turn.call])
    known = dir(builtins) + [name for name, line in plain.bound.items() if line] + list(plain.functions)
    found = {name for function in functions for name in exposed_in(function)} | names_in(turn.call)
    found -= turn.own.union(known)
    return found | {text for each in (turn.call, *functions) for text in _texts(each)}


def _written(node: ast.AST, own: set[str]) -> Iterator[str]:
    """Texts and names by which a call names the files that it changes, but for those named by what is `own`."""
    name = source.called(node)
    if not isinstance(node, ast.Call) or name not in OF_ONE_FILE | OF_TWO_FILES:
        return
    named: list[ast.expr] = [node.func.value] if isinstance(node.func, ast.Attribute) else []
    if name not in ("write_text", "write_bytes"):  # these are given what to write
        named += node.args[: 2 if name in OF_TWO_FILES else 1]
    for each in named:
        if not names_in(each) & own:
            yield from names_in(each)
            yield from _texts(each)


def _texts(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
