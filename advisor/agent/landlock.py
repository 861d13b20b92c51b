"""The kernel's own lock for a forked copy: Landlock (Linux 5.13 and later), which binds native code too.

It refuses to write, create, rename, truncate or delete any file, to start programs, to signal processes outside,
and to open TCP connections except to ports where only safe requests were seen. It cannot see descriptors that
are open already, UDP, named Unix sockets, or changes of a file's mode, owner and times.
"""

from __future__ import annotations

import ctypes
import functools
import os
import struct
import sys
from collections.abc import Iterable

# System calls have these numbers on every architecture that Python runs on but Alpha.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PR_SET_NO_NEW_PRIVS = 38
_RULE_PATH, _RULE_PORT = 1, 2
_EXECUTE, _WRITE_FILE, _REMOVE_FILE, _MAKE_REG = 1 << 0, 1 << 1, 1 << 5, 1 << 8
_REMOVE_AND_MAKE = 0b1_1111_1111_0000  # remove dir, file; make char, dir, reg, sock, fifo, block, sym
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_CONNECT_TCP = 1 << 1
_SCOPES = 0b11  # abstract Unix sockets, signals
# What appeared in which version of the interface.
_REFER_ABI, _TRUNCATE_ABI, _NET_ABI, _SCOPE_ABI = 2, 3, 4, 6
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - where the C library keeps named semaphores


@functools.cache
def abi() -> int:
    """Version of the kernel's interface; 0 where it has none, or it is switched off."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)))


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def restrict(ports: Iterable[int], *, semaphores: bool) -> bool:
    """Lock this thread and all it starts, for good; False where the kernel cannot.

    TCP connections go to `ports` only. `semaphores` leaves shared memory writable, for a pool of processes to
    be started: lock its workers once more, without.
    """
    version = abi()
    if version == 0:
        return False
    files = _handled_files(version)
    network = _CONNECT_TCP if version >= _NET_ABI else 0
    attributes = struct.pack("QQQ", files, network, _SCOPES if version >= _SCOPE_ABI else 0)
    size = 8 * (1 + (version >= _NET_ABI) + (version >= _SCOPE_ABI))
    ruleset = _libc().syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    try:
        for path in _DEVICES:
            _allow_path(ruleset, path, _WRITE_FILE | (files & _TRUNCATE))
        if semaphores:
            _allow_path(ruleset, SHARED_MEMORY, _WRITE_FILE | _REMOVE_FILE | _MAKE_REG)
        for port in ports if network else ():
            _allow(ruleset, _RULE_PORT, struct.pack("QQ", _CONNECT_TCP, port))
        _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return bool(_libc().syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _handled_files(version: int) -> int:
    rights = _EXECUTE | _WRITE_FILE | _REMOVE_AND_MAKE
    if version >= _REFER_ABI:
        rights |= _REFER
    if version >= _TRUNCATE_ABI:
        rights |= _TRUNCATE
    return rights


def _allow_path(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # no such device in this container
        return
    _allow(ruleset, _RULE_PATH, struct.pack("=Qi", rights, fd))
    os.close(fd)


def _allow(ruleset: int, kind: int, rule: bytes) -> None:
    _libc().syscall(_ADD_RULE, ruleset, kind, rule, 0)
