"""A warning for processes that are not forked: they lack what the script sets only as the main program."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace

from advisor.analyse import source
from advisor.model.trial import WorkerMix
from advisor.recommend.rewrite.change import Change
from advisor.recommend.rewrite.plain import names_in


def warned(found: Change, file: str, reads: Iterable[str], mix: WorkerMix) -> Change:
    """The change, with a comment that names the globals that workers read and would find unset, or set otherwise."""
    missing = sorted(set(reads) & set_by_main(file)) if mix.backend in ("processes", "hybrid") else []
    if not missing:
        return found
    names = ", ".join(f"`{name}`" for name in missing)
    note = (
        f"# processes that do not start by fork (macOS, Windows, Python 3.14) lack what the main program sets: {names}"
    )
    return replace(found, text=f"{note}\n{found.text}")


def set_by_main(file: str) -> set[str]:
    """Globals that `if __name__ == "__main__":` sets, or a function that the module does not call as it is imported."""
    module = source.tree(file)
    if module is None:
        return set()
    guarded = {name for node in module.body if _is_main(node) for name in _bound(node)}
    imported = [node for node in module.body if not (_is_main(node) or isinstance(node, source.Function))]
    called = {source.called(node) for each in imported for node in ast.walk(each)}
    late = [function for function in source.functions(file) if function.name not in called]
    return guarded | {name for each in late for node in ast.walk(each) if isinstance(node, ast.Global)
                      for name in node.names}  # fmt: skip


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in names_in(node.test)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement of the module's top level binds there."""
    if isinstance(statement, source.Function | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, source.Function | ast.ClassDef):
            yield node.name
