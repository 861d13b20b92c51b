"""Report files: whether they can be written, asked before the runs; whole or not at all, written after them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from advisor.errors import ReportError

CURE = "name a folder you can write to with --output DIR (and --json FILE)"


def check_writable(path: Path) -> None:
    """Make sure that `path` could be written, and leave nothing behind: the script may look at the folder.

    Raises ReportError where it could not.
    """
    if path.is_dir():
        raise ReportError(f"{path} cannot be written", why="it is a folder", cure=CURE)
    if _is_special(path):
        if not os.access(path, os.W_OK):
            raise ReportError(f"{path} cannot be written", why="no permission", cure=CURE)
        return
    folder = _nearest_existing(path.parent)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".advise-"):
            pass
    except OSError as error:
        raise ReportError(f"{path} cannot be written", why=_why(error, folder), cure=CURE) from error


def write(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, making its folder; readers see the old file or the whole new one.

    A link is followed; what is no regular file (a device, a named pipe) is written to, never replaced. Raises
    ReportError on failure, with the old file untouched and no temporary one left.
    """
    if _is_special(path):
        _write_into(path, text)
        return
    place = Path(os.path.realpath(path))
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(place)
    except (OSError, ValueError) as error:  # a name may hold what no file's can
        raise ReportError(f"{path} was not written", why=_why(error, path.parent), cure=CURE) from error
    finally:
        _remove(temporary)


def _is_special(path: Path) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)  # noqa: PTH110, PTH113  # pathlib's may raise


def _write_into(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except BrokenPipeError:
        return  # its reader has gone: no failure of ours
    except OSError as error:
        raise ReportError(f"{path} was not written", why=_why(error, path.parent), cure=CURE) from error


def _nearest_existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if os.path.exists(each) or each == each.parent)  # noqa: PTH110  # as below


def _why(error: OSError | ValueError, folder: Path) -> str:
    return f"{getattr(error, 'strerror', None) or error} ({folder})"


def _remove(path: Path) -> None:
    """Remove what may be there; where even that fails, the error under way says more."""
    try:
        path.unlink(missing_ok=True)
    except (OSError, ValueError):
        return
