"""Where a loop stands: the function, the class, and the names around it."""

from __future__ import annotations

import ast
import builtins

from advisor.analyse import source


def scope_of(file: str, loop: source.Loop) -> tuple[source.Function | None, str, str]:
    """The function a loop stands in (None: the module), the class around it ("": none), and the function's name."""
    parents = source.parents(file)
    function: source.Function | None = None
    owner, names, node = "", list[str](), parents.get(loop)
    while node is not None:
        if isinstance(node, source.Function):
            function = function or node
            names = [node.name, *(["<locals>"] if names else []), *names]
        elif isinstance(node, ast.ClassDef):
            owner = owner or node.name
            names = [node.name, *names]
        node = parents.get(node)
    return function, owner, ".".join(names) or "<module>"


def names_around(file: str, loop: source.Loop) -> set[str]:
    """Names of the scopes around a loop that another function would have to be given; of a module, those of data."""
    parents = source.parents(file)
    scopes: list[ast.AST] = []
    node = parents.get(loop)
    while node is not None:
        scopes += [node] if isinstance(node, source.Function) else []
        node = parents.get(node)
    module = source.tree(file)
    places = [node for scope in scopes or ([module] if module is not None else []) for node in ast.walk(scope)]
    found = {node.id for node in places if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    if scopes:  # of a function's own names, those of functions and modules are no globals either
        found |= {
            node.name for node in places if isinstance(node, source.Function | ast.ClassDef) and node not in scopes
        }
        imports = (node for node in places if isinstance(node, ast.Import | ast.ImportFrom))
        found |= {(alias.asname or alias.name).partition(".")[0] for node in imports for alias in node.names}
    return (found | {node.arg for node in places if isinstance(node, ast.arg)}) - set(dir(builtins))
