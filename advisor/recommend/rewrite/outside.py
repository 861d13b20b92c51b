"""What the turns of a loop change outside of the script's memory, where the calls could find it changed."""

from __future__ import annotations

import ast
import builtins
import copy
import sys
from collections.abc import Iterator

from advisor.analyse import source
from advisor.recommend.rewrite.around import Callee, Turn
from advisor.recommend.rewrite.change import NoChangeError
from advisor.recommend.rewrite.plain import Plain, exposed_in, names_in

PROCESS_WIDE = frozenset({"chdir", "fchdir", "putenv", "setlocale", "umask", "unsetenv"})
"""Functions that change what all code of the process meets."""
PROGRAMS = frozenset({"Popen", "call", "check_call", "check_output", "popen", "run", "startfile", "system"})
"""Functions of `subprocess` and `os` that start a program, which may do anything."""
OF_FILES = frozenset({
    "copy", "copy2", "copyfile", "copytree", "link", "makedirs", "mkdir", "move", "remove", "removedirs", "rename",
    "renames", "replace", "rmdir", "rmtree", "symlink", "truncate", "unlink",
})  # fmt: skip
"""Functions of `os` and `shutil` that change files or folders, named by their first one or two arguments."""
OF_PATHS = frozenset({
    "hardlink_to", "mkdir", "open", "rename", "replace", "rmdir", "symlink_to", "touch", "unlink", "write_bytes",
    "write_text",
})  # fmt: skip
"""Methods of paths that change the file. `open` is taken for one whatever its mode."""
CHANGES_MAPPING = frozenset({"clear", "pop", "popitem", "setdefault", "update"})


def check_outside(turn: Turn, callee: Callee, plain: Plain) -> None:
    """Raises NoChangeError where the rest of a turn changes the process's surroundings, or a file that calls name too.

    Files are known by what names them: texts, names that stand for one, and globals. A file that a turn names by its
    item is its own, unless the calls use a text of that name as well.
    """
    rest = [copy.deepcopy(node, {id(turn.call): ast.Constant(value=None)}) for node in turn.rest]
    parts = [(node, turn.own) for node in rest]
    parts += [(function, names_in(function) - exposed_in(function)) for function in plain.called(rest)]
    between = [(node, own) for part, own in parts for node in ast.walk(part)]
    if any(_is_process_wide(node, plain) for node, _ in between):
        raise NoChangeError("a turn changes the folder or the environment that the calls meet, or starts a program")
    if callee.file not in (None, turn.file) and any(_is_unknown_deed(node, plain) for node, _ in between):
        raise NoChangeError("a turn calls a function of another file, as the calls are: it may change what they read")
    texts = _texts_of_names(turn.file)
    read = _words_of(turn, plain, texts)
    shared = read & {word for node, own in between for word in _written(node, own - texts.keys(), plain, texts)}
    if shared:
        raise NoChangeError(f"a turn changes files by way of {', '.join(sorted(shared))}, which the calls name too")


def _is_process_wide(node: ast.AST, plain: Plain) -> bool:
    """True for what changes the folder or the environment (`os.environ[...] = ...`), or starts a program."""
    if isinstance(node, ast.Subscript):
        return not isinstance(node.ctx, ast.Load) and _is_environment(node.value)
    if not isinstance(node, ast.Call):
        return False
    name = source.called(node)
    receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
    of_module = _is_of(node, plain, ("subprocess", "os"))
    changes = name in CHANGES_MAPPING and receiver is not None and _is_environment(receiver)
    return name in PROCESS_WIDE or changes or (name in PROGRAMS and of_module)


def _is_environment(node: ast.expr) -> bool:
    return ast.unparse(node) in ("os.environ", "environ")


def _is_of(node: ast.Call, plain: Plain, modules: tuple[str, ...]) -> bool:
    """True for `module.f(...)`, and for `f(...)` imported from it."""
    if isinstance(node.func, ast.Attribute):
        return isinstance(node.func.value, ast.Name) and node.func.value.id in modules
    line = plain.bound.get(source.called(node), "")
    return any(line.startswith(f"from {module} import") for module in modules)


def _is_unknown_deed(node: ast.AST, plain: Plain) -> bool:
    """True for `f(...)` as a statement, where `f` comes from a module that is not of the standard library."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)):
        return False
    line = plain.bound.get(node.value.func.id, "")
    return line.startswith("from ") and line.split()[1].partition(".")[0] not in sys.stdlib_module_names


def _texts_of_names(file: str) -> dict[str, str]:
    """Names that are set once in a file, to a text or the path of one, and that text."""
    parents = source.parents(file)
    sets = [node for node in parents if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)]
    names = [node.id for node in sets]
    found: dict[str, str] = {}
    for node in sets:
        parent = parents[node]
        value = parent.value if isinstance(parent, ast.Assign) else None
        if isinstance(value, ast.Call) and source.called(value) == "Path" and len(value.args) == 1:
            value = value.args[0]
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and names.count(node.id) == 1:
            found[node.id] = value.value
    return found


def _words_of(turn: Turn, plain: Plain, texts: dict[str, str]) -> set[str]:
    """What a call could name a file by: texts and globals of its functions, and of what it is given."""
    functions = plain.called([turn.call])
    known = dir(builtins) + [name for name, line in plain.bound.items() if line] + list(plain.functions)
    names = {name for function in functions for name in exposed_in(function)} | names_in(turn.call)
    inside = {name for function in functions for name in names_in(function)}
    found = {texts.get(name, name) for name in (names - turn.own.union(known)) | (inside & texts.keys())}
    return found | {text for each in (turn.call, *functions) for text in _texts(each)}


def _written(node: ast.AST, own: set[str], plain: Plain, texts: dict[str, str]) -> Iterator[str]:
    """Texts and names by which a call names the files that it changes; of those named by what is `own`, the texts."""
    for each in _files_of(node, plain):
        names = names_in(each)
        if not names & own:
            yield from (texts.get(name, name) for name in names)
        yield from (text for text in _texts(each) if any(map(str.isalnum, text)))


def _files_of(node: ast.AST, plain: Plain) -> list[ast.expr]:
    """The expressions by which a call names the files that it changes."""
    if not isinstance(node, ast.Call):
        return []
    name = source.called(node)
    if _is_of(node, plain, ("os", "shutil")):
        return node.args[:2] if name in OF_FILES else []
    if isinstance(node.func, ast.Name):
        return node.args[:1] if name == "open" else []
    if name not in OF_PATHS or not isinstance(node.func, ast.Attribute) or (name == "replace" and len(node.args) > 1):
        return []
    return [node.func.value]


def _texts(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
