"""Whether the target can be run at all, and where the user's own code lies."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import Any

from advisor.errors import TargetError
from advisor.model.target import Target
from advisor.observe.interpreter import away_from_here

_CHECK_TIMEOUT_S = 60.0

# Runs in the chosen interpreter, so that its syntax decides. PathFinder finds a submodule from its parent's folders
# without importing the parent: nothing of the user's is executed here.
# The working folder is searched for the module, as `-m` does it, and not for ours: a script there may be json.py.
_CHECK = """
import json, sys, warnings
warnings.simplefilter("ignore")
kind, name, shown = sys.argv[1:4]
answer = {"file": None, "package": None}
if kind == "module":
    from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
    sys.path[:0] = sys.argv[4:]
    def find(full, path):
        finders = (PathFinder,) if path is not None else (BuiltinImporter, FrozenImporter, PathFinder)
        for finder in finders:
            found = finder.find_spec(full, path)
            if found is not None:
                return found
    parts = name.split(".")
    spec, path = None, None
    for count in range(1, len(parts) + 1):
        spec = find(".".join(parts[:count]), path)
        if spec is None:
            break
        path = spec.submodule_search_locations
        if count == 1:
            answer["package"] = list(path)[0] if path else None
    if spec is not None and path is not None:
        spec = find(name + ".__main__", path)
    if spec is None:
        answer["missing"] = True
        source = None
    else:
        answer["file"] = shown = spec.origin
        source = spec.loader.get_source(spec.name) if shown and shown.endswith(".py") else None
        source = open(shown, "rb").read() if source is not None else None
else:
    source = sys.stdin.buffer.read()
if source is not None:
    try:
        compile(source, shown, "exec", dont_inherit=True)
    except SyntaxError as error:
        answer["syntax"] = [error.lineno, error.msg, (error.text or "").strip()]
    except ValueError as error:
        answer["syntax"] = [None, str(error), ""]
print(json.dumps(answer))
"""


def check_target(target: Target) -> None:
    """Raise TargetError where `python TARGET` could not even start: not there, not Python, a syntax error.

    The source is compiled by the target's own interpreter, and not run.
    """
    if target.script is not None:
        source = _source(Path(target.script))
        _refuse_bad_syntax(_ask(target, "script", target.script, source), target.script, target.python)
    else:
        answer = _ask(target, "module", str(target.module), b"")
        if answer.get("missing"):
            raise TargetError(
                f"no module named {target.module} that can be run",
                why=f"{target.python} finds neither the module nor a __main__ in it",
                cure="check the name and the working folder; `python -m` would fail as well",
            )
        _refuse_bad_syntax(answer, answer["file"] or str(target.module), target.python)


def own_roots(target: Target) -> tuple[str, ...]:
    """The absolute folders whose files are the user's own code.

    A script's folder (links followed), a module's top package (or its file, where it is a single one), and the
    working folder as well where that lies in it.
    """
    if target.script is not None:
        script = Path(target.script).resolve()
        root = script if script.is_dir() or zipfile.is_zipfile(script) else script.parent
    else:
        answer = _ask(target, "module", str(target.module), b"")
        place = answer["package"] or answer["file"]
        if place is None:
            return ()
        root = Path(place).resolve()
    here = Path.cwd()
    return (str(root), str(here)) if root != here and root.is_relative_to(here) else (str(root),)


def _source(script: Path) -> bytes:
    """The bytes the interpreter would run for `script`: the file's own, or its `__main__.py`."""
    if script.is_dir():
        main = script / "__main__.py"
        if not main.is_file():
            raise TargetError(f"{script} is a folder without __main__.py", cure="name a script, or use -m PACKAGE")
        return _read(main)
    source = _read(script)
    if zipfile.is_zipfile(script):
        return _main_in_zip(script)
    if b"\0" in source:
        cure = "give the .py source it was made from" if script.suffix == ".pyc" else "name a Python script"
        raise TargetError(f"{script} is not Python source", why="it holds null bytes", cure=cure)
    return source


def _read(script: Path) -> bytes:
    try:
        return script.read_bytes()
    except FileNotFoundError as error:
        raise TargetError(f"no such file: {script}", cure="check the path; options go before it") from error
    except OSError as error:
        raise TargetError(f"cannot read {script}", why=error.strerror or str(error)) from error


def _main_in_zip(script: Path) -> bytes:
    try:
        with zipfile.ZipFile(script) as archive:
            return archive.read("__main__.py")
    except (KeyError, zipfile.BadZipFile) as error:
        raise TargetError(f"{script} is a zip file without __main__.py", cure="name a Python script") from error


def _refuse_bad_syntax(answer: dict[str, Any], shown: str, python: str) -> None:
    if "syntax" not in answer:
        return
    line, message, text = answer["syntax"]
    place = f"{shown}:{line}" if line else shown
    raise TargetError(
        f"{place}: {message}",
        why=f"the line reads: {text}" if text else "it is not valid Python",
        cure=f"correct it, or name the Python it is written for with --python (this was {python})",
    )


def _ask(target: Target, kind: str, name: str, source: bytes) -> dict[str, Any]:
    """Run the check in the target's interpreter, which would look for modules in the working folder first."""
    here = [] if os.environ.get("PYTHONSAFEPATH") else [""]
    done = subprocess.run(
        [target.python, "-c", _CHECK, kind, name, name, *here],
        input=source,
        env=away_from_here(),
        capture_output=True,
        timeout=_CHECK_TIMEOUT_S,
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        complaint = done.stderr.decode(errors="replace").strip().splitlines()
        raise TargetError(
            f"{target.python} cannot check {name}", why=complaint[-1] if complaint else f"exit code {done.returncode}"
        ) from error
    return answer
