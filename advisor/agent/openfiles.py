"""What this process holds open for writing, and how far it has written: by the kernel's own account.

Native code, and files opened before a call, raise no audit event: these looks find what they did.
"""

from __future__ import annotations

import fcntl
import gc
import io
import os
import stat
import sys
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .values import Value

_STANDARD_FDS = 3
_MAPS_FIELDS = 6  # of a line of /proc/self/maps that names a file
_WRITERS = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
# Flushing these would change the file: tell() is enough. Only what the script has imported can be open.
_COMPRESSORS = (("gzip", "GzipFile"), ("bz2", "BZ2File"), ("lzma", "LZMAFile"))


def inherited_fds() -> list[int]:
    """Open descriptors beyond the standard streams, as far as the system lists them."""
    try:
        return [int(name) for name in os.listdir("/proc/self/fd") if int(name) >= _STANDARD_FDS]
    except OSError:
        return []


def path_of(fd: int) -> str:
    """What `fd` is open on, as the kernel names it."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return f"descriptor {fd}"


def written_bytes() -> int | None:
    """Bytes this process has passed to write calls so far, by the kernel's count; None where it does not tell.

    What went to standard output and error is taken off: both are plain files in run 2.
    """
    try:
        fd = os.open("/proc/self/io", os.O_RDONLY)
        try:
            fields = os.read(fd, 512).split()
        finally:
            os.close(fd)
        return int(fields[fields.index(b"wchar:") + 1]) - os.fstat(1).st_size - os.fstat(2).st_size
    except (OSError, ValueError):
        return None


def shared_writable_files() -> list[str]:
    """Regular files mapped shared and writable: what a call writes there no event and no count tells.

    SQLite's index of its write-ahead log (`-shm`) is written by readers too and holds no data.
    """
    return sorted({part.path for part in shared_mappings() if part.is_file and not part.path.endswith("-shm")})


class Mapping:
    """A piece of memory, writable and shared with whoever else maps it: a file's, or without a name."""

    def __init__(self, start: int, end: int, offset: int, inode: int, path: str) -> None:
        self.start = start
        self.length = end - start
        self.offset = offset
        self.inode = inode
        self.path = path

    @property
    def is_file(self) -> bool:
        """True for a file that can be found by its path; shared memory has one as long as it has a name."""
        nameless = self.path.endswith(" (deleted)") or self.path.startswith(("/memfd:", "/SYSV"))
        return not nameless and (not self.path.startswith("/dev/") or self.is_memory)

    @property
    def is_memory(self) -> bool:
        """True where nothing but memory is behind it: not for devices."""
        return self.path.startswith(("/dev/zero", "/dev/shm/", "/memfd:", "/SYSV"))  # noqa: S108 - looked at only


def shared_mappings() -> list[Mapping]:
    """Shared writable mappings of this process."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            lines = [line.split(maxsplit=5) for line in maps if " rw-s " in line or " rwxs " in line]
    except OSError:
        return []
    found = []
    for fields in lines:
        path = fields[5].rstrip("\n") if len(fields) == _MAPS_FIELDS else ""
        if path.startswith("/"):
            start, end = (int(part, 16) for part in fields[0].split("-"))
            found.append(Mapping(start, end, int(fields[2], 16), int(fields[4]), path))
    return found


class OpenFiles:
    """The regular files open for writing, with the Python objects that buffer for them."""

    def __init__(self) -> None:
        self.fds: frozenset[tuple[int, int]] = frozenset()
        self.writers: list[weakref.ref[Any]] = []

    def positions(self) -> dict[object, tuple[str, int]]:
        """Where each one stands, with its path, buffers flushed. The content of no file depends on when that is."""
        fds = {fd: inode for fd in inherited_fds() if (inode := _writable_inode(fd)) is not None}
        self.flush(frozenset(fds.items()))
        found: dict[object, tuple[str, int]] = {}
        for key in fds.items():
            try:
                found[key] = path_of(key[0]), os.lseek(key[0], 0, os.SEEK_CUR)
            except OSError:
                continue
        for writer in self.alive():
            if not isinstance(writer, _WRITERS) and not writer.closed and writer.writable():
                # Before Python 3.13, those of bz2 and lzma have no name.
                found[id(writer)] = str(getattr(writer, "name", "a compressed file")), writer.tell()
        return found

    def flush(self, fds: frozenset[tuple[int, int]]) -> None:
        """Flush what buffers for `fds`; look for new buffers where the descriptors have changed."""
        if fds != self.fds:
            self.fds = fds
            # By type, not isinstance: a lazy proxy's __class__ would run the user's code.
            kinds = _kinds()
            self.writers = [weakref.ref(thing) for thing in gc.get_objects() if type(thing) in kinds] if fds else []
        for writer in self.alive():
            if isinstance(writer, _WRITERS) and _is_regular(writer):
                try:
                    writer.flush()
                except (OSError, ValueError):
                    continue

    def alive(self) -> list[Any]:
        """The buffering objects not collected yet."""
        return [writer for ref in self.writers if (writer := ref()) is not None]

    def refused_flushes(self) -> list[str]:
        """In a locked copy: the files whose buffers hold something, since flushing them fails."""
        refused = []
        for writer in self.alive():
            try:
                if isinstance(writer, _WRITERS) and _is_regular(writer):
                    writer.flush()
            except OSError:
                refused.append(path_of(writer.fileno()))
            except ValueError:
                continue
        return refused


def _kinds() -> set[type]:
    modules = [(sys.modules.get(module), name) for module, name in _COMPRESSORS]
    return {*_WRITERS, *(getattr(module, name) for module, name in modules if hasattr(module, name))}


def _writable_inode(fd: int) -> int | None:
    try:
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
            return status.st_ino
    except OSError:
        return None
    return None


def _is_regular(writer: Value) -> bool:
    try:
        if writer.closed or not writer.writable():
            return False
        fd = writer.fileno()
        return bool(fd >= _STANDARD_FDS and stat.S_ISREG(os.fstat(fd).st_mode))
    except (OSError, ValueError):
        return False
