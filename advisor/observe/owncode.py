"""Which files are the user's own code, as opposed to libraries and to ours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import advisor.agent

AGENT_FOLDER = str(Path(advisor.agent.__file__).resolve().parent)

_PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages"})


class OwnCode:
    """Tells the user's files by their place: under a root, and not in a library, a virtual environment or the agent.

    `roots` are absolute (`own_roots`), `library_folders` the interpreter's. A root that itself lies in a library
    (`python -m PACKAGE` of an installed one) is the user's all the same.
    """

    def __init__(self, roots: Sequence[str], library_folders: Sequence[str] = ()) -> None:
        self._roots = tuple(dict.fromkeys(os.path.realpath(root) for root in roots))
        self._libraries = tuple(os.path.realpath(folder) for folder in library_folders)
        self._known: dict[str, bool] = {}

    def is_own(self, file: str) -> bool:
        """True where the code file `file`, as a frame names it, is the user's own."""
        known = self._known.get(file)
        if known is None:
            known = self._known[file] = self._judge(file)
        return known

    def _judge(self, file: str) -> bool:
        if not file or file.startswith("<"):
            return False
        full = os.path.realpath(file)
        root = next((root for root in self._roots_by_depth if _is_below(full, root)), None)
        if root is None or _is_below(full, AGENT_FOLDER):
            return False
        if any(_is_below(full, folder) and not _is_below(root, folder) for folder in self._libraries):
            return False
        return not _in_environment(full, root)

    @cached_property
    def _roots_by_depth(self) -> tuple[str, ...]:
        """The most particular root first: an installed package that is the target beats the working folder."""
        return tuple(sorted(self._roots, key=len, reverse=True))


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _in_environment(full: str, root: str) -> bool:
    """True where a folder between `root` and the file is a virtual environment or holds installed packages."""
    folder = os.path.dirname(full)
    while len(folder) > len(root):
        if os.path.basename(folder) in _PACKAGE_FOLDERS or os.path.exists(os.path.join(folder, "pyvenv.cfg")):
            return True
        folder = os.path.dirname(folder)
    return False
