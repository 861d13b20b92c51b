"""What a forked copy inherits that leads out of it: open files, pipes, sockets, shared memory.

A copy shares these with the finished script, so each is exchanged for one that looks the same and harms nothing:
a file is opened again, read-only, at the same place; a connection becomes one that the other side has closed;
mapped files become private, other shared memory (counters, locks, arrays) the copy's own.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import stat
from collections.abc import Set as AbstractSet

from .openfiles import Mapping, inherited_fds, shared_mappings

_MEMORY_DEVICES = 1  # major number of /dev/null, zero, full, random, urandom
_MAP_FIXED = 0x10
_MAX_OWN_BYTES = 256 * 2**20  # copying that takes about 0.1 s a trial; what is larger stays shared with the stage
_MAP_FAILED = ctypes.c_void_p(-1).value


def detach(keep: AbstractSet[int], *, has_children: bool) -> None:
    """Exchange every inherited descriptor but those in `keep`.

    Pipes and unnamed socket pairs lead to child processes of the script or nowhere: they are cut where it
    `has_children` that still live.
    """
    for fd in inherited_fds():
        if fd not in keep:
            try:
                _exchange(fd, has_children=has_children)
            except OSError:  # closed meanwhile: the descriptor of the listing itself
                continue
    for mapping in shared_mappings():
        if mapping.is_memory:
            _make_own(mapping)
        elif mapping.is_file:
            _make_private(mapping)


def _exchange(fd: int, *, has_children: bool) -> None:
    status = os.fstat(fd)
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG:
        _put(_opened_again(fd), fd)
    elif kind == stat.S_IFSOCK:
        if has_children or not _is_pair(fd):
            _put(_closed_by_peer(), fd)
    elif kind == stat.S_IFIFO:
        if has_children or not os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:"):
            _put(_closed_by_peer(), fd)
    elif kind == stat.S_IFBLK or (kind == stat.S_IFCHR and os.major(status.st_rdev) != _MEMORY_DEVICES):
        _put(os.open(os.devnull, os.O_RDWR), fd)


def _put(new: int, fd: int) -> None:
    os.dup2(new, fd, inheritable=os.get_inheritable(fd))
    os.close(new)


def _opened_again(fd: int) -> int:
    """A read-only descriptor of the same file, with an offset of its own at the same place."""
    try:
        new = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    except OSError:  # write-only to this user
        return os.open(os.devnull, os.O_RDONLY)
    os.lseek(new, os.lseek(fd, 0, os.SEEK_CUR), os.SEEK_SET)
    return new


def _closed_by_peer() -> int:
    """A socket that reads as ended and refuses what is written: what a client sees of a server that hung up."""
    ours, theirs = socket.socketpair()
    theirs.close()
    return ours.detach()


def _is_pair(fd: int) -> bool:
    """True for an unnamed socket whose other end is unnamed too."""
    with socket.socket(fileno=os.dup(fd)) as copy:
        try:
            return copy.family == socket.AF_UNIX and not copy.getpeername() and not copy.getsockname()
        except OSError:
            return False


def _map_over(mapping: Mapping, flags: int, fd: int, offset: int) -> bool:
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    prot = mmap.PROT_READ | mmap.PROT_WRITE
    return bool(libc.mmap(mapping.start, mapping.length, prot, flags | _MAP_FIXED, fd, offset) != _MAP_FAILED)


def _make_own(mapping: Mapping) -> None:
    """Put memory with the same content in its place, shared only with the workers of this copy.

    A trial that is killed while it holds a lock of the script's would leave it locked for all later ones.
    """
    if mapping.length > _MAX_OWN_BYTES:
        return
    content = ctypes.string_at(mapping.start, mapping.length)
    if _map_over(mapping, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, -1, 0):
        ctypes.memmove(mapping.start, content, mapping.length)


def _make_private(mapping: Mapping) -> None:
    """Map the same file over it, copy-on-write; where it cannot be opened any more, allow reading only."""
    try:
        fd = os.open(mapping.path, os.O_RDONLY)
    except OSError:
        fd = -1
    if fd >= 0 and os.fstat(fd).st_ino == mapping.inode:
        mapped = _map_over(mapping, mmap.MAP_PRIVATE, fd, mapping.offset)
    else:
        mapped = False
    if not mapped:
        libc = ctypes.CDLL(None)
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        libc.mprotect(mapping.start, mapping.length, mmap.PROT_READ)
    if fd >= 0:
        os.close(fd)
