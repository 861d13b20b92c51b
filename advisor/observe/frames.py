"""Which frames of a stack are the user's: ours are taken away at the root, the user's own code is marked."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from advisor.model.observation import Frame, Stack

_RUNPY = "<frozen runpy>"
# The entry of a worker of `multiprocessing`. What is above it in a forked worker is the parent's stack at the fork.
_WORKER_FILE = os.path.join("multiprocessing", "process.py")
_WORKER_FUNCTION = "_bootstrap"


class StackCleaner:
    """Turns stacks as recorded into stacks of the user's program.

    `agent_folder` holds our files inside the user's interpreter; `own` tells of an absolute file name whether it is the
    user's own code; `cwd` is the script's working folder, which relative names start from; `root_pid` is the script's
    process, all others are workers.
    """

    def __init__(self, *, agent_folder: str, cwd: str, own: Callable[[str], bool], root_pid: int) -> None:
        self._agent = os.path.join(os.path.realpath(agent_folder), "")
        self._cwd = cwd
        self._own = own
        self._root_pid = root_pid
        self._frames: dict[Frame, Frame] = {}
        self._stacks: dict[tuple[bool, Stack], Stack] = {}

    def __call__(self, pid: int, stack: Stack) -> Stack:
        """The cleaned stack of a thread of process `pid`; empty where all of it was ours."""
        key = (pid == self._root_pid, stack)
        if key not in self._stacks:
            self._stacks[key] = self._clean(stack, is_worker=not key[0])
        return self._stacks[key]

    def _clean(self, stack: Stack, *, is_worker: bool) -> Stack:
        start = _worker_entry(stack) if is_worker else 0
        rest = stack[start:]
        ours = 0
        while ours < len(rest) and (self._is_ours(rest[ours]) or rest[ours].file == _RUNPY):
            ours += 1
        return tuple(self._frame(frame) for frame in rest[ours:])

    def _is_ours(self, frame: Frame) -> bool:
        return os.path.realpath(frame.file).startswith(self._agent)

    def _frame(self, frame: Frame) -> Frame:
        if frame not in self._frames:
            file = frame.file
            if not file.startswith("<"):  # a script run as `../script.py` has that in its name
                file = os.path.normpath(os.path.join(self._cwd, file))
            self._frames[frame] = replace(frame, file=file, own=self._own(file))
        return self._frames[frame]


def _worker_entry(stack: Stack) -> int:
    """Where a worker's own part of the stack begins: at the innermost entry, since a worker may fork another."""
    entries = [
        at
        for at, frame in enumerate(stack)
        if frame.file.endswith(_WORKER_FILE) and frame.function.endswith(_WORKER_FUNCTION)
    ]
    return entries[-1] if entries else 0
