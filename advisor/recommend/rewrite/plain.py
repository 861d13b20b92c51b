"""Code that can run earlier than it does and nobody would notice: it prints nothing, changes nothing, asks nobody."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from advisor.analyse import source
from advisor.analyse.names import uses_of
from advisor.recommend.rewrite.change import names_of

BUILTINS = frozenset({
    "abs", "all", "any", "bool", "bytes", "chr", "complex", "dict", "divmod", "enumerate", "float", "format",
    "frozenset", "hash", "hex", "int", "isinstance", "len", "list", "max", "min", "ord", "pow", "range", "repr",
    "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip",
})  # fmt: skip
METHODS = frozenset({
    "capitalize", "casefold", "decode", "encode", "endswith", "format", "isalnum", "isalpha", "isdigit", "islower",
    "isspace", "isupper", "items", "joinpath", "keys", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
    "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper", "values",
    "with_name", "with_suffix", "zfill",
})  # fmt: skip
"""Methods of texts, mappings and paths that give something new."""
MODULES = ("math.", "operator.", "os.path.", "posixpath.")
"""Functions of these give figures or texts; of `os.path`, those that look at the disk are left out by name."""
LOOKS = frozenset({"exists", "getatime", "getctime", "getmtime", "getsize", "isdir", "isfile", "islink", "realpath"})
CLASSES = frozenset({
    "from pathlib import Path", "from pathlib import PurePath", "from urllib.request import Request",
    "from datetime import timedelta", "from decimal import Decimal", "from fractions import Fraction",
})  # fmt: skip
_EXPRESSIONS = (
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare,
    ast.IfExp, ast.JoinedStr, ast.FormattedValue, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.Starred, ast.keyword,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.comprehension, ast.expr_context, ast.operator, ast.unaryop,
    ast.boolop, ast.cmpop,
)  # fmt: skip
MOST_DEEP = 20
"""Functions that call each other further than this are not followed."""
_LOUD = frozenset({"input", "print", "breakpoint"})


class Plain:
    """Tells the plain code of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.bound = names_of(file).bound
        module = source.tree(file)
        self.functions = {
            node.name: node for node in (module.body if module is not None else ())
            if isinstance(node, ast.FunctionDef) and self.bound.get(node.name) == ""
            and _defined(file).count(node.name) == 1
        }  # fmt: skip

    def expression(self, node: ast.AST, depth: int = 0) -> bool:
        """True where the value is made of nothing but values; another function of the file may make it."""
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        if not isinstance(node, _EXPRESSIONS):
            return False
        return all(self.expression(child, depth) for child in ast.iter_child_nodes(node))

    def call(self, node: ast.Call, depth: int) -> bool:
        """True for a call of something plain with plain arguments."""
        if not self.callee(node, depth):
            return False
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(node.func, ast.Name) and len(given) == 1 and isinstance(given[0], ast.GeneratorExp):
            return all(self.expression(child, depth) for child in ast.iter_child_nodes(given[0]))
        return all(self.expression(each, depth) for each in given)

    def callee(self, node: ast.Call, depth: int) -> bool:
        """True where what is called is known to be plain."""
        func = node.func
        if isinstance(func, ast.Name):
            if func.id in self.functions:
                return depth < MOST_DEEP and self.function(self.functions[func.id], depth + 1)
            return (func.id in BUILTINS and func.id not in self.bound) or self.bound.get(func.id) in CLASSES
        if not isinstance(func, ast.Attribute) or not self.expression(func.value, depth):
            return False
        return func.attr not in LOOKS if ast.unparse(func).startswith(MODULES) else _is_plain_method(node, func)

    def function(self, node: source.Function, depth: int = 0) -> bool:
        """True for a function that only computes."""
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        return isinstance(node, ast.FunctionDef) and not node.decorator_list and self.block(body, depth, inside=True)

    def block(self, body: Sequence[ast.stmt], depth: int = 0, *, inside: bool = False) -> bool:
        """True for statements that set plain names to plain values; `inside` a function they may return."""
        return all(self.statement(node, depth, inside=inside) for node in body)

    def statement(self, node: ast.stmt, depth: int, *, inside: bool) -> bool:
        """One of them."""
        match node:
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                return all(map(is_names, targets)) and (node.value is None or self.expression(node.value, depth))
            case ast.If() | ast.While():
                tested = self.expression(node.test, depth)
                return tested and self.block([*node.body, *node.orelse], depth, inside=inside)
            case ast.For():
                over = is_names(node.target) and self.expression(node.iter, depth)
                return over and self.block([*node.body, *node.orelse], depth, inside=inside)
            case ast.Return():
                return inside and (node.value is None or self.expression(node.value, depth))
            case _:
                return isinstance(node, ast.Pass | ast.Continue | ast.Break)

    def reads(self, nodes: Iterable[ast.AST]) -> set[str]:
        """Globals that functions of the file read which are called here by name, and those that these call."""
        found: set[str] = set()
        for function in self.called(nodes):
            found |= exposed_in(function)
        return found

    def called(self, nodes: Iterable[ast.AST]) -> list[source.Function]:
        """Functions and methods of the file whose names are called here, and those that these call."""
        done: list[source.Function] = []
        todo = list(nodes)
        named: dict[str, list[source.Function]] = {}
        for each in source.functions(self.file):
            named.setdefault(each.name, []).append(each)
        while todo:
            for call in ast.walk(todo.pop()):
                for function in named.get(source.called(call), ()):
                    if function not in done:
                        done.append(function)
                        todo.append(function)
        return done

    def is_loud(self, functions: Iterable[ast.AST]) -> bool:
        """True where what runs writes to the screen, or sets a global: in which order, workers would decide."""
        every = [*functions, *self.called(functions)]
        return any(_speaks(node) for function in every for node in ast.walk(function))


def _is_plain_method(node: ast.Call, func: ast.Attribute) -> bool:
    """True for a method that gives something new, by its name: `join` of a text, but not of a thread."""
    if func.attr == "join":
        return isinstance(func.value, ast.Constant | ast.JoinedStr)
    if func.attr == "replace":  # that of a path takes one argument, and renames a file
        return len(node.args) > 1
    return func.attr in METHODS


def exposed_in(function: source.Function) -> set[str]:
    """Names that a function reads and does not set: its globals."""
    given = function.args
    every = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
    own = {each.arg for each in every if each is not None}
    return set(uses_of(function.body, own).exposed) - own


def is_names(target: ast.expr) -> bool:
    """True for what sets names alone."""
    if isinstance(target, ast.Tuple | ast.List):
        return all(map(is_names, target.elts))
    return isinstance(target, ast.Name) or (isinstance(target, ast.Starred) and is_names(target.value))


def names_in(target: ast.AST) -> set[str]:
    """All names in a piece of code."""
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}


def _speaks(node: ast.AST) -> bool:
    if isinstance(node, ast.Global | ast.Nonlocal):
        return True
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys":
        return node.attr in ("stdout", "stderr", "stdin")
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _LOUD


@cache
def _defined(file: str) -> list[str]:
    """Names that the file defines functions or classes by, as often as it does."""
    return [node.name for node in source.parents(file) if isinstance(node, source.Function | ast.ClassDef)]


Path = tuple[str, ...]


def paths_in(node: ast.AST) -> Iterator[Path]:
    """What a piece of code reads, as paths: `self.base + x` is (self, base) and (x,)."""
    chain, parts = node, list[str]()
    while isinstance(chain, ast.Attribute):
        parts.insert(0, chain.attr)
        chain = chain.value
    if isinstance(chain, ast.Name):
        yield (chain.id, *parts)
        return
    for child in ast.iter_child_nodes(chain if parts else node):
        yield from paths_in(child)
