"""What a forked copy must do before it runs the user's calls again: die with its parent, and harm nothing.

Four locks, each for what the others miss: audit events and Python's sockets refuse what the interpreter is asked
for, and tell what it was; what leads out of the copy is exchanged (`inherited`); Landlock has the kernel refuse
what native code asks for; and where there is no Landlock, RLIMIT_FSIZE = 0 at least refuses to write files.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import mmap
import os
import resource
import signal
import sys
import warnings
from collections.abc import Set as AbstractSet
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING

from . import inherited, landlock, meter, stacks

if TYPE_CHECKING:
    from .effects import Effects

_PR_SET_PDEATHSIG = 1
_kept: list[object] = []
_REFUSAL_BYTES = 512
_RESET_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGCHLD", "SIGUSR1", "SIGUSR2")
_REFUSED_ERRNOS = frozenset({errno.EFBIG, errno.EBADF, errno.EACCES, errno.EPERM, errno.EROFS})


class Refusal:
    """The first refused effect of a trial, in memory that all its forked workers share."""

    def __init__(self) -> None:
        self.page = mmap.mmap(-1, _REFUSAL_BYTES)

    def note(self, text: str) -> None:
        """Keep `text` unless one is kept already."""
        if self.page[0] == 0:
            data = text.encode("utf-8", "replace")[: _REFUSAL_BYTES - 1]
            self.page[: len(data)] = data

    def text(self) -> str | None:
        """What was refused, or None."""
        data = bytes(self.page).rstrip(b"\0")
        return data.decode("utf-8", "replace") if data else None


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def prepare() -> None:
    """Load, in the stage, what every forked copy needs, so that none pays for it."""
    _libc()
    landlock.abi()
    resource.getrlimit(resource.RLIMIT_FSIZE)


def isolate(parent: int) -> None:
    """First lines of a forked copy: own process group, killed with its parent, silent, default signals."""
    os.setpgid(0, 0)
    die_with(parent)
    for name in _RESET_SIGNALS:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    if null > 2:  # noqa: PLR2004 - a script may have closed one of the three
        os.close(null)
    _kept.extend((sys.stdout, sys.stderr))  # let go, a stream of the user's own might write once more
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - as above
    sys.dont_write_bytecode = True
    warnings.simplefilter("ignore")


def cap_memory(more_bytes: int) -> None:
    """Let this process, and each it forks, take so much more private memory than it has: then a call has a MemoryError.

    Where the kernel does not tell what it has, nothing is capped.
    """
    has = meter.private_bytes()
    if has is not None and more_bytes > 0:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = has + more_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` ends."""
    if sys.platform.startswith("linux"):
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


class Lock:
    """Refuses side effects in one trial, in the copy and in the workers it forks. Picklable to none: it is forked."""

    def __init__(self, effects: Effects) -> None:
        self.effects = effects
        self.refusal: Refusal

    def close(self, ours: AbstractSet[int], *, has_children: bool, forks: bool) -> None:
        """Lock a copy before it loads any task. `ours`: the copy's own pipes; `forks`: it will start workers."""
        inherited.detach(ours | set(self.effects.sockets.safe_fds()), has_children=has_children)
        self.refusal = Refusal()
        landlock.restrict(self.effects.sockets.safe_ports, semaphores=forks)
        self.effects.refused = self.refusal.note
        self.effects.mode = "guard"

    def close_files(self) -> None:
        """Refuse to write regular files, for kernels without Landlock; a pool must have been started before."""
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        with contextlib.suppress(ValueError):  # not in the main thread: then it was done there
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error for the call, not the end of the process

    def note_unwritten(self) -> None:
        """Once the calls are over: what they left in buffers of files that were open before is an effect, too."""
        for path in self.effects.open_files.refused_flushes():
            self.refusal.note(f"file-write: writes to {path}, which was open already")

    def is_refusal(self, error: BaseException) -> bool:
        """True for the errors by which the kernel refuses: a recorded call did not raise them."""
        return isinstance(error, OSError) and error.errno in _REFUSED_ERRNOS


def in_worker(parent: int, lock: Lock | None) -> None:
    """Initializer of a pool's worker process."""
    die_with(parent)
    stacks.arm()
    if lock is not None:
        landlock.restrict(lock.effects.sockets.safe_ports, semaphores=False)
        lock.close_files()
        Finalize(None, lock.note_unwritten, exitpriority=0)
