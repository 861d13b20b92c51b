"""Report files: whether they can be written, asked before the runs; whole or not at all, written after them."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from advisor.errors import ReportError

if TYPE_CHECKING:
    from pathlib import Path

CURE = "name a folder you can write to with --output DIR (and --json FILE)"


def check_writable(path: Path) -> None:
    """Make sure that `path` could be written, and leave nothing behind: the script may look at the folder.

    Raises ReportError where it could not.
    """
    if path.is_dir():
        raise ReportError(f"{path} cannot be written", why="it is a folder", cure=CURE)
    folder = _nearest_existing(path.parent)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".advise-"):
            pass
    except OSError as error:
        raise ReportError(f"{path} cannot be written", why=_why(error, folder), cure=CURE) from error


def write(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, making its folder; readers see the old file or the whole new one.

    Raises ReportError on failure, with the old file untouched and no temporary one left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise ReportError(f"{path} was not written", why=_why(error, path.parent), cure=CURE) from error
    finally:
        _remove(temporary)


def _nearest_existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists() or each == each.parent)


def _why(error: OSError, folder: Path) -> str:
    return f"{error.strerror or error} ({folder})"


def _remove(path: Path) -> None:
    """Remove what may be there; where even that fails, the error under way says more."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
