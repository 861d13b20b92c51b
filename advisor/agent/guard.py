"""What a forked copy must do before it runs the user's calls again: die with its parent, and harm nothing.

Three locks, each for what the others miss: audit events refuse what the interpreter is asked for,
RLIMIT_FSIZE = 0 makes the kernel refuse every write to a regular file (native code included), and
standard streams lead nowhere.
"""

import ctypes
import functools
import gc
import mmap
import os
import resource
import signal
import sys
import warnings

_PR_SET_PDEATHSIG = 1
_REFUSAL_BYTES = 512


class Refusal:
    """The first refused effect of a trial, in memory that all its forked workers share."""

    def __init__(self):
        self.page = mmap.mmap(-1, _REFUSAL_BYTES)

    def note(self, text):
        """Keep `text` unless one is kept already."""
        if self.page[0] == 0:
            data = text.encode("utf-8", "replace")[: _REFUSAL_BYTES - 1]
            self.page[: len(data)] = data

    def text(self):
        """What was refused, or None."""
        data = bytes(self.page).rstrip(b"\0")
        return data.decode("utf-8", "replace") if data else None


@functools.cache
def _libc():
    return ctypes.CDLL(None, use_errno=True)


def prepare():
    """Load, in the stage, what every forked copy needs, so that none pays for it."""
    _libc()
    resource.getrlimit(resource.RLIMIT_FSIZE)


def isolate(parent):
    """First lines of a forked copy: own process group, killed with its parent, silent, default signals."""
    os.setpgid(0, 0)
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    warnings.simplefilter("ignore")


def lock(effects, refusal):
    """Refuse side effects from here on; `refusal` tells of them. Nothing to do where the user consented."""
    if refusal is None:
        return
    effects.refused = refusal.note
    effects.mode = "guard"
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error for the call, not the end of the process


def in_worker(parent, effects, refusal):
    """Initializer of a pool's worker process."""
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    lock(effects, refusal)


def clear_caches(is_own):
    """Empty every `functools.lru_cache` of the user's own code: a warm cache is not what run 1 had."""
    for thing in gc.get_objects():
        if type(thing) is functools._lru_cache_wrapper:
            code = getattr(thing.__wrapped__, "__code__", None)
            if code is not None and is_own(code.co_filename):
                thing.cache_clear()
