"""Scripts with a loop around `work(...)`, their change, and what both print."""

from __future__ import annotations

import ast
import contextlib
import io
import textwrap
from pathlib import Path

from builders import recommendation, threads
from scenes import machine

from advisor.analyse import source
from advisor.analyse.turns import outline
from advisor.model.ledger import Ledger
from advisor.model.outline import Outline
from advisor.model.recording import RecordedSite
from advisor.model.site import Safety, Site
from advisor.model.trial import WorkerMix
from advisor.recommend.rewrite.change import Change
from advisor.recommend.snippet import change_of


def script(folder: Path, text: str) -> Path:
    file = folder / f"job_{len(list(folder.iterdir()))}.py"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def site_of(recorded: RecordedSite, **fields: object) -> Site:
    figures: dict = {"id": "s1", "file": recorded.file, "line": recorded.line, "function": recorded.function}
    figures |= {"callee": recorded.callee, "kind": recorded.kind, "calls": recorded.calls, "wall_s": 1.0, "share": 0.9}
    figures |= {"ledger": Ledger(python=1.0), "safety": Safety(status="safe"), "recorded": recorded}
    return Site(**(figures | fields))


def call_site(file: Path, callee: str = "work", **fields: object) -> Site:
    """The first call of a function or method `callee` in a script."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    call = next(node for node in calls if ast.unparse(node.func).split(".")[-1] == callee)
    defined = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == callee]
    figures: dict = {"id": "s1", "file": str(file), "line": call.lineno, "end_line": call.end_lineno}
    figures |= {"column": call.col_offset, "function": "<module>", "callee": ast.unparse(call.func), "calls": 60}
    figures |= {"sampled": 60, "callee_file": str(file) if defined else None}
    figures |= {"callee_line": defined[0].lineno if defined else None}
    return site_of(RecordedSite(**(figures | fields)))


def loop_site(file: Path, line: int) -> Site | None:
    """The turns of the loop at a line; None where it cannot be outlined."""
    loop = next(node for node in source.parents(str(file)) if isinstance(node, source.Loop) and node.lineno == line)
    found = outline(str(file), loop)
    if not isinstance(found, Outline):
        return None
    recorded = RecordedSite(
        id="s1", file=str(file), line=line, end_line=found.end_line, column=found.column, function=found.function,
        callee="(loop)", kind="loop", calls=60, sampled=60, outline=found, callee_file=str(file),
        callee_line=found.line,
    )  # fmt: skip
    return site_of(recorded)


def change(site: Site, mix: WorkerMix | None = None) -> Change | None:
    return change_of(site, recommendation(mix or threads(3), 3.0, 2.0), machine())


def applied(file: Path, found: Change) -> str:
    """The script with the change made: imports and functions at the top level, lines in the place of lines."""
    lines = file.read_text(encoding="utf-8").splitlines()
    first = lines[found.first_line - 1]
    margin = first[: len(first) - len(first.lstrip())]
    new = [margin + line if line.strip() else line for line in found.text.splitlines()]
    top = next(at for at in range(found.first_line - 1, -1, -1) if lines[at] and not lines[at][0].isspace())
    beside = [*found.beside.splitlines(), ""]
    whole = [*lines[:top], *beside, *lines[top : found.first_line - 1], *new, *lines[found.last_line :]]
    return "\n".join([*found.top.splitlines(), *found.imports, *whole]) + "\n"


def printed(text: str) -> str:
    """What a script prints, with the error of figures or keys that it ends by."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(text, "job.py", "exec", dont_inherit=True), {"__name__": "__main__"})
        except (ArithmeticError, LookupError, ValueError) as error:
            out.write(f"{type(error).__name__}: {error}")
    return out.getvalue()
