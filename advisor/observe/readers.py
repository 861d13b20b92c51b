"""Who below us reads a terminal: told from `/proc`, so that input is handed out when it is asked for."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

from advisor.observe.procfs import system_call
from advisor.observe.syscalls import WAIT_BY, calls_of

_PROC = Path("/proc")
_STANDARD_STREAMS = 3
_READS = frozenset({"read", "readv"})
_WATCHES = frozenset({"poll", "select", "epoll"})


def opened_by_a_child(names: Collection[str]) -> bool:
    """True where a process under us has one of the files `names` open beyond its standard streams.

    So do `getpass` and `ssh`, which ask for passwords at /dev/tty.
    """
    return any(
        _link(pid, number) in names
        for pid in _children()
        for number in _names(_PROC / str(pid) / "fd")
        if int(number) >= _STANDARD_STREAMS
    )


def awaited_by_a_child(name: str) -> bool:
    """True where a process under us is blocked reading the file `name`, or watching files with that as its input.

    Where the kernel does not tell (no permission, another system), every moment counts as the right one.
    """
    if not _PROC.exists() or not _calls():
        return True
    return any(_awaits(pid, tid, name) for pid in _children() for tid in _names(_PROC / str(pid) / "task"))


def _awaits(pid: int, tid: str, name: str) -> bool:
    try:
        call = system_call((_PROC / str(pid) / "task" / tid / "syscall").read_bytes())
    except PermissionError:
        return True
    except OSError:
        return False
    if call is None:
        return False
    called = _calls().get(call.number, "")
    if called in _READS:
        return _link(pid, call.arguments[0]) == name
    return WAIT_BY.get(called) in _WATCHES and _link(pid, 0) == name


@cache
def _calls() -> dict[int, str]:
    return dict(calls_of(platform.machine()))


def _children() -> Iterator[int]:
    return (process.pid for process in psutil.Process().children(recursive=True))


def _names(folder: Path) -> list[str]:
    with suppress(OSError):
        return os.listdir(folder)
    return []


def _link(pid: int, number: int | str) -> str:
    with suppress(OSError):
        return os.readlink(_PROC / str(pid) / "fd" / str(number))
    return ""
