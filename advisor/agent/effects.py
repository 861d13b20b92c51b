"""Side effects: noted inside recorded calls in run 2, refused inside replayed calls in a trial.

Three witnesses, since none sees all: the interpreter's audit events (files, processes), a look at what Python
sockets send (`sockets`), and the kernel's account of what was written (`openfiles`, asked by the recorder).
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import re
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Literal

from .holding import sweep
from .openfiles import OpenFiles
from .sockets import Sockets
from .sql import Databases

Mode = Literal["off", "note", "relay", "guard"]

_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_HARMLESS_PATHS = ("/dev/null", "/dev/tty", "/dev/zero", "/dev/full")
_BYTE_CODE = ("__pycache__", ".pyc.")  # a first import caches what it compiled; forked copies do not
_COMES_BACK = ("open", "sqlite3.connect")  # to what may have been written before: it must be let go of by then
_AUDITED = {
    "os.remove": "file-delete",
    "os.rmdir": "file-delete",
    "os.rename": "file-delete",
    "shutil.rmtree": "file-delete",
    "shutil.move": "file-delete",
    "os.mkdir": "file-write",
    "os.link": "file-write",
    "os.symlink": "file-write",
    "os.truncate": "file-write",
    "os.chmod": "file-write",
    "os.chown": "file-write",
    "os.utime": "file-write",
    "os.setxattr": "file-write",
    "os.removexattr": "file-write",
    "shutil.copyfile": "file-write",
    "syslog.syslog": "file-write",
    "subprocess.Popen": "process",
    "os.system": "process",
    "os.exec": "process",
    "os.posix_spawn": "process",
    "os.spawn": "process",
    "os.startfile": "process",
    "pty.spawn": "process",
    "os.kill": "process",
    "os.killpg": "process",
    "smtplib.send": "network",
}
_READ_ONLY_MAPS = (1, 3)  # mmap.ACCESS_READ and ACCESS_COPY
_MOST_DETAILS = 200  # of one site kept word for word: a script may insert a million rows
_VARIABLE = re.compile(r"\d+|'[^']*'?|\"[^\"]*\"?")  # what tells two effects of one sort apart
_SLOTS, _SLOT_BYTES = 128, 512


class ReplayRefused(BaseException):  # not an Exception: user code must not swallow it
    """A replayed call was about to do something that outlives it."""


class Notes:
    """What the calls of one site did besides returning: (kind, detail) -> times."""

    __slots__ = ("owner", "requests", "seen")

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.seen: dict[tuple[str, str], int] = {}
        self.requests = 0

    def add(self, kind: str, detail: str) -> None:
        """One more effect. Of very many different ones, the later count by their sort alone."""
        key = (kind, detail)
        if key not in self.seen and len(self.seen) >= _MOST_DETAILS:
            key = (kind, _VARIABLE.sub("?", detail))
            if key not in self.seen and len(self.seen) >= 2 * _MOST_DETAILS:
                key = (kind, "does more of many other sorts")
        self.seen[key] = self.seen.get(key, 0) + 1


class Relay:
    """Effects of forked worker processes, in memory they share with us.

    A slot is chosen by the text it holds, so two workers write the same one only with the same text, and no
    lock is needed; where two texts meet in a slot, the later stays.
    """

    def __init__(self) -> None:
        self.page = mmap.mmap(-1, _SLOTS * _SLOT_BYTES)

    def put(self, owners: list[str], kind: str, detail: str) -> None:
        """In a worker: an effect, with the sites whose calls were under way when it was forked."""
        line = json.dumps([owners, kind, detail[:200]]).encode()[: _SLOT_BYTES - 1]
        start = zlib.crc32(line) % _SLOTS * _SLOT_BYTES
        self.page[start : start + _SLOT_BYTES] = line.ljust(_SLOT_BYTES, b"\0")

    def read(self) -> Iterator[tuple[list[str], str, str]]:
        """All effects that arrived."""
        for start in range(0, len(self.page), _SLOT_BYTES):
            line = self.page[start : start + _SLOT_BYTES].rstrip(b"\0")
            try:
                owners, kind, detail = json.loads(line)
            except ValueError:  # empty, or cut
                continue
            yield owners, kind, detail


class Effects:
    """The one observer of side effects here. Audit hooks cannot be removed, so it is switched instead."""

    def __init__(self) -> None:
        self._mode: Mode = "off"
        self.local = threading.local()
        self.stacks: dict[int, list[Notes]] = {}
        self.reads_refused = False
        self.refused: Callable[[str], None] | None = None
        self.sockets = Sockets(self)
        self.databases = Databases(self.effect)
        self.open_files = OpenFiles()
        self.relay = Relay()
        self.forked_in: list[str] = []

    @property
    def mode(self) -> Mode:
        """What happens to an effect: nothing, a note, a note to the process we were forked from, or a refusal."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        self.sockets.watching = mode != "off"

    def install(self) -> None:
        """Add the audit hook and look over sockets; once a process."""
        self.mode = "note"
        self.sockets.install()
        self.databases.install()
        sys.addaudithook(self.audit)

    def stack(self) -> list[Notes]:
        """The recorded calls under way in this thread, innermost last: the recorder pushes and pops."""
        stack: list[Notes] | None = self.local.__dict__.get("stack")
        if stack is None:
            stack = self.local.stack = []
            self.stacks[threading.get_ident()] = stack
        return stack

    def charged(self) -> list[Notes]:
        """Who an effect of this thread belongs to: every recorded call it happens inside of.

        A thread without a recorded call of its own may work for one: all that are under way are charged.
        """
        stack = self.local.__dict__.get("stack")
        if stack:
            return list(stack)
        return [notes for stack in list(self.stacks.values()) for notes in list(stack)]

    def effect(self, kind: str, detail: str) -> None:
        """An effect happens now: note it, or refuse it."""
        if self._mode == "note":
            for notes in self.charged():
                notes.add(kind, detail)
        elif self._mode == "relay":
            self.relay.put(self.forked_in, kind, detail)
        elif self._mode == "guard":
            if self.refused is not None:
                self.refused(f"{kind}: {detail}")
            raise ReplayRefused(f"{kind}: {detail}")

    def sends(self, detail: str, *, answers: bool) -> None:
        """Something leaves the process. What `answers` somebody who connected to us belongs to the call that does it.

        A server in a thread of its own may answer the very requests that other threads' calls send.
        """
        if self._mode == "guard" or not answers or self.local.__dict__.get("stack"):
            self.effect("network", detail)

    def safe_request(self) -> None:
        """A request that only reads is sent."""
        if self._mode == "guard" and self.reads_refused:
            self.effect("network", "sends a request")
        elif self._mode == "note":
            for notes in self.charged():
                notes.requests += 1

    def in_forked_child(self) -> None:
        """A process of the script's own: tell the one it comes from."""
        self.forked_in = [notes.owner for stack in self.stacks.values() for notes in stack]
        self.stacks = {}
        self.local = threading.local()
        self.mode = "relay"

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """The audit hook: cheap for everything that is no side effect."""
        if self._mode == "off":
            return
        if self._mode == "note" and event in _COMES_BACK:
            sweep(all_of_them=True)
        if event == "open":
            self.opens(*args)
        elif event in _AUDITED and not (event == "os.kill" and _is_harmless_signal(*args)):
            self.effect(_AUDITED[event], f"{event}({_shown(args[0]) if args else ''})")
        elif event == "mmap.__new__":
            self.maps(*args[:3])

    def opens(self, path: object, _mode: object, flags: int) -> None:
        """A file is opened."""
        if not flags & _WRITE_FLAGS or isinstance(path, int):
            return
        shown = _shown(path)
        if shown not in _HARMLESS_PATHS and not all(part in shown for part in _BYTE_CODE):
            self.effect("file-write", f"opens {shown} for writing")

    def maps(self, fd: int, _length: int, access: int) -> None:
        """A file is mapped into memory."""
        if fd == -1 or access in _READ_ONLY_MAPS:
            return
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
            self.effect("file-write", "maps a file for writing")


def _is_harmless_signal(pid: int, number: int) -> bool:
    """True for signal 0, which only asks, and for children: a pool ends its workers, starting them was the effect."""
    if number == 0:
        return True
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except OSError:
        return False
    return True


def _shown(path: object) -> str:
    if isinstance(path, bytes):
        return os.fsdecode(path)
    return os.fspath(path) if isinstance(path, os.PathLike) else str(path)
