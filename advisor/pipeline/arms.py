"""One side of a check: where its tree lies, how a script is run there, and how its files are called."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.model.target import Place, Target
from advisor.observe.plain import Command
from advisor.revision.git import without_location

if TYPE_CHECKING:
    from advisor.model.checkplan import CheckedScript

BYTECODE_VARIABLES = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
"""By which Python is told to write no byte code, or to write it elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTree:
    """A revision as files: `tree` is its top folder, `below` the working folder in it, `python` what runs it.

    `environment` is the scripts' whole environment; `libraries` are the interpreter's own folders.
    """

    tree: Path
    below: str
    python: str
    environment: Mapping[str, str]
    libraries: tuple[str, ...] = ()

    @property
    def cwd(self) -> Path:
        """The working folder of the scripts."""
        return self.tree / self.below

    def file(self, script: CheckedScript) -> Path | None:
        """The file or folder of a script or module of this tree, None where the tree has none."""
        if script.path is not None:
            path = self.cwd / script.path
            return path if path.exists() else None
        return next(filter(Path.is_file, self._places(str(script.module).replace(".", "/"))), None)

    def _places(self, module: str) -> Iterator[Path]:
        """Where `python -m` could take a module from, the folders outside of the tree left out."""
        tree = self.tree.resolve()
        for entry in ("", *self.environment.get("PYTHONPATH", "").split(os.pathsep)):
            folder = (self.cwd / entry).resolve()
            if folder.is_relative_to(tree):
                yield from (folder / f"{module}.py", folder / module / "__main__.py")

    def command(self, script: CheckedScript) -> Command:
        """How the script is run plainly."""
        dashed = "./" if script.path is not None and script.path.startswith("-") else ""
        program = (dashed + script.path,) if script.path is not None else ("-m", str(script.module))
        return Command(
            argv=(self.python, *program, *script.argv), cwd=str(self.cwd), environment=self.environment,
            stdin=self.stdin(script),
        )  # fmt: skip

    def target(self, script: CheckedScript) -> Target:
        """The same script to be observed, its output thrown away."""
        return Target(
            python=self.python, script=script.path, module=script.module, argv=script.argv,
            roots=(str(self.tree.resolve()),),
            place=Place(cwd=str(self.cwd), environment=tuple(self.environment.items()), quiet=True),
        )  # fmt: skip

    def stdin(self, script: CheckedScript) -> str:
        """The file given as standard input: of this arm's own tree."""
        return os.devnull if script.stdin is None else str(self.cwd / script.stdin)

    def holds(self, file: str) -> bool:
        """True where a file as a frame names it lies in this arm's tree, and in no library or environment there."""
        real = os.path.realpath(file)
        folders = (*self.libraries, *(str(self.tree.resolve() / name) for name in (".venv", "venv")))
        return (
            not file.startswith("<")
            and real.startswith(str(self.tree.resolve()) + os.sep)
            and not any(real.startswith(folder + os.sep) for folder in folders)
        )

    def named(self, file: str) -> str:
        """A file as both arms call it: relative to the tree, or to the folder of the library it belongs to."""
        if file.startswith("<"):
            return file
        real = os.path.realpath(file)
        for folder in (str(self.tree.resolve()), *sorted(self.libraries, key=len, reverse=True)):
            if real.startswith(folder + os.sep):
                return Path(real).relative_to(folder).as_posix()
        return Path(*Path(real).parts[-2:]).as_posix()


def environment(
    cwd: Path, entries: tuple[str, ...], search_path: str | None, *, bytecode: Path | None = None
) -> dict[str, str]:
    """Our environment, as a shell in `cwd` would have it; `entries` come first in PYTHONPATH, then `search_path`.

    Python keeps its byte code in `bytecode`; None: as it always does.
    """
    found = without_location(os.environ)
    if bytecode is not None:
        found = {name: value for name, value in found.items() if name not in BYTECODE_VARIABLES}
        found["PYTHONPYCACHEPREFIX"] = str(bytecode)
    if "PWD" in found:
        found["PWD"] = str(cwd)
    parts = [*entries, *([search_path] if search_path else [])]
    if parts:
        found["PYTHONPATH"] = os.pathsep.join(parts)
    return found
