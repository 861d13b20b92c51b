"""A pool that the script has already, made with another number of workers, or of the other kind."""

from __future__ import annotations

import ast

from advisor.analyse import source
from advisor.model.trial import WorkerMix
from advisor.recommend.rewrite.around import climb
from advisor.recommend.rewrite.change import Change, Names, NoChangeError, names_of
from advisor.recommend.rewrite.engine import workshop
from advisor.recommend.rewrite.text import block, expression, lost_comments, must_be_alone

THREADS = {"ThreadPoolExecutor": ("concurrent.futures", "ProcessPoolExecutor"),
           "ThreadPool": ("multiprocessing.pool", "Pool")}  # fmt: skip
PROCESSES = {"ProcessPoolExecutor": ("concurrent.futures", "ThreadPoolExecutor"),
             "Pool": ("multiprocessing.pool", "ThreadPool")}  # fmt: skip
"""Pools of the standard library, each with where its counterpart of the other kind is imported from."""
SIZES = {"ThreadPoolExecutor": "max_workers", "ProcessPoolExecutor": "max_workers", "ThreadPool": "processes",
         "Pool": "processes"}  # fmt: skip
_DROPPED = frozenset({"mp_context", "thread_name_prefix"})
_MAPS = frozenset({"map", "imap", "imap_unordered", "starmap"})


def rewritten_pool(file: str, line: int, mix: WorkerMix, current: WorkerMix) -> Change:
    """The statement that makes the pool of the tasks handed over at a line, for another mix. Raises NoChangeError."""
    if mix.backend not in ("threads", "processes"):
        raise NoChangeError("no pool of one kind")
    submission = _submission(file, line)
    made = _constructor(file, submission, current)
    statement = next(parent for parent, _ in climb(file, made) if isinstance(parent, ast.stmt))
    must_be_alone(file, statement, statement)
    names = names_of(file)
    swaps: dict[ast.AST, str] = {made: _made(file, made, mix, current, names)}
    if mix.backend != current.backend and mix.backend == "processes":
        _must_be_sendable(file, submission)
    if mix.chunk > 1:
        if submission not in set(ast.walk(statement)) or submission is made:
            raise NoChangeError("the tasks are handed over elsewhere")
        swaps[submission] = _chunked(file, submission, mix, source.called(made))
    if mix.native_threads and made in set(ast.walk(submission)):
        raise NoChangeError("one expression")
    note = workshop(file, mix).note(statement) if mix.backend != current.backend else []
    body = block(file, [statement], swaps)
    return Change(
        first_line=statement.lineno, last_line=statement.end_lineno or statement.lineno,
        text="\n".join([*lost_comments(file, statement, statement, body), *note, body]), imports=tuple(names.imports),
    )  # fmt: skip


def _submission(file: str, line: int) -> ast.Call:
    """The call of a pool's method at a line."""
    calls = [
        node for node in source.parents(file)
        if isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or line)
        and isinstance(node.func, ast.Attribute) and (node.func.attr in _MAPS | {"submit", "apply", "apply_async",
                                                                                 "map_async", "starmap_async"})
    ]  # fmt: skip
    if len(calls) != 1:
        raise NoChangeError("which pool runs the tasks cannot be told")
    return calls[0]


def _constructor(file: str, submission: ast.Call, current: WorkerMix) -> ast.Call:
    """The call that makes the pool."""
    func = submission.func
    receiver = func.value if isinstance(func, ast.Attribute) else func
    known = THREADS if current.backend == "threads" else PROCESSES
    name = ast.unparse(receiver)
    made = [value for target, value in _bindings(file) if ast.unparse(target) == name]
    found = [receiver] if isinstance(receiver, ast.Call) else made
    calls = [node for node in found if isinstance(node, ast.Call) and source.called(node) in known]
    if len(calls) != 1 or len(found) != 1:
        raise NoChangeError("where the pool is made cannot be told")
    return calls[0]


def _bindings(file: str) -> list[tuple[ast.expr, ast.expr]]:
    found: list[tuple[ast.expr, ast.expr]] = []
    for node in source.parents(file):
        if isinstance(node, ast.withitem) and node.optional_vars is not None:
            found.append((node.optional_vars, node.context_expr))
        elif isinstance(node, ast.Assign):
            found += [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            found.append((node.target, node.value))
    return found


def _made(file: str, made: ast.Call, mix: WorkerMix, current: WorkerMix, names: Names) -> str:
    """The constructor's call for another mix."""
    kind = source.called(made)
    if any(isinstance(each, ast.Starred) for each in made.args) or any(each.arg is None for each in made.keywords):
        raise NoChangeError("what the pool is given is not known")
    others = [each for each in made.keywords if each.arg != SIZES[kind]]
    func = expression(file, made.func)
    if mix.backend != current.backend:
        others = [each for each in others if each.arg not in _DROPPED]
        if others or len(made.args) > 1:
            raise NoChangeError("the other kind of pool does not take what this one is given")
        module, kind = (THREADS | PROCESSES)[kind]
        func = names.imported("multiprocessing" if kind == "Pool" else module, kind)
    given = [expression(file, each) for each in made.args[1:]]
    if given:
        raise NoChangeError("arguments by place")
    text = [f"{each.arg}={expression(file, each.value)}" for each in others]
    return f"{func}({', '.join((f'{SIZES[kind]}={mix.workers}', *text))})"


def _chunked(file: str, submission: ast.Call, mix: WorkerMix, kind: str) -> str:
    """The call that hands over the tasks, so many at once; one to a pool of `multiprocessing` may say so by place."""
    func = submission.func
    mapped = isinstance(func, ast.Attribute) and func.attr in _MAPS and mix.backend == "processes"
    if not mapped or any(each.arg is None for each in submission.keywords):
        raise NoChangeError("tasks are handed over one by one")
    if kind in ("ThreadPool", "Pool") and len(submission.args) > 2:  # noqa: PLR2004  # function and tasks
        raise NoChangeError("arguments by place")
    kept = [each for each in submission.keywords if each.arg != "chunksize"]
    given = [expression(file, each) for each in submission.args]
    given += [f"{each.arg}={expression(file, each.value)}" for each in kept]
    return f"{expression(file, func)}({', '.join((*given, f'chunksize={mix.chunk}'))})"


def _must_be_sendable(file: str, submission: ast.Call) -> None:
    module = source.tree(file)
    tops = set(module.body) if module is not None else set()
    inner = {node.name for node in source.functions(file) if node not in tops}
    for node in submission.args[:1]:
        if isinstance(node, ast.Lambda) or (isinstance(node, ast.Name) and node.id in inner):
            raise NoChangeError("another process would not find the function")
