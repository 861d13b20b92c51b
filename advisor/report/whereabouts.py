"""Names of files as a report shows them: from the advice alone, so that no page depends on where it was made."""

from __future__ import annotations

import os.path
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from advisor.report import words

if TYPE_CHECKING:
    from advisor.model.advice import Advice

INSTALLED = re.compile(r"^.*/(?:site-packages|dist-packages|lib(?:64)?/python\d\.\d+)/")
"""Folders that installed code lies below; what comes before says nothing that a reader looks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Short names of files: those below `folder` from there, installed ones from their package on."""

    folder: str

    def file(self, name: str) -> str:
        """The shortest name that still says which file it is, safe to print."""
        if self.folder and name.startswith(self.folder):
            name = name.removeprefix(self.folder)
        return words.printable(INSTALLED.sub("", name))

    def at(self, name: str, line: int) -> str:
        """A line of a file; the file alone where no line is known."""
        return f"{self.file(name)}:{line}" if line else self.file(name)


def of(advice: Advice) -> Whereabouts:
    """Names seen from the folder that all of the user's files in the advice have in common."""
    files = {entry.site.file for entry in advice.sites} | {source.file for source in advice.profile.sources}
    folders = [str(PurePosixPath(file).parent) for file in files if file.startswith("/")]
    common = os.path.commonpath(folders) if folders else ""
    return Whereabouts(folder=f"{common}/" if common not in {"", "/"} else "")
