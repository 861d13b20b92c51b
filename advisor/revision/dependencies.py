"""Whether head declares other dependencies than the base: then one interpreter cannot stand for both."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

_DECLARING = (
    "*requirements*.txt", "*requirements*.in", "*constraints*.txt", "Pipfile", "Pipfile.lock", "uv.lock", "poetry.lock",
    "pdm.lock", "pixi.lock", "pylock.toml", "pylock.*.toml", "setup.py", "setup.cfg", ".python-version",
    "environment*.yml", "environment*.yaml",
)  # fmt: skip
_REQUIREMENTS = "requirements"
"""A folder of this name holds lists of them: requirements/dev.txt."""

_PROJECT = "pyproject.toml"
_TABLES = (
    ("project", "dependencies"), ("project", "optional-dependencies"), ("project", "requires-python"),
    ("build-system",), ("dependency-groups",), ("tool", "poetry", "dependencies"), ("tool", "poetry", "group"),
    ("tool", "poetry", "dev-dependencies"), ("tool", "pdm", "dev-dependencies"), ("tool", "uv", "sources"),
)  # fmt: skip
"""packaging.python.org "pyproject.toml specification", and the documentation of Poetry, PDM and uv."""


def dependency_files_changed(changed: Sequence[str], *, head: Path, base: Path) -> tuple[str, ...]:
    """Those of `changed`, paths relative to both trees, that declare dependencies.

    A pyproject.toml counts only where what it says of dependencies differs between the two trees.
    """
    return tuple(name for name in changed if _declares(PurePosixPath(name), head, base))


def _declares(path: PurePosixPath, head: Path, base: Path) -> bool:
    if path.name == _PROJECT:
        return _declared(head / path) != _declared(base / path)
    if path.parent.name == _REQUIREMENTS and path.suffix in {".txt", ".in"}:
        return True
    return any(fnmatchcase(path.name, pattern) for pattern in _DECLARING)


def _declared(file: Path) -> list[Any]:
    """What the file says of dependencies; one that cannot be read says nothing, one that is no TOML its own text."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return [None] * len(_TABLES)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return [text]
    return [_entry(content, keys) for keys in _TABLES]


def _entry(content: Any, keys: tuple[str, ...]) -> Any:  # noqa: ANN401  # any value TOML knows
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content
