"""Undisturbed runs: a command run plainly, again and again, with nothing but the kernel's accounts of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from advisor.errors import ObserveError
from advisor.model.check import Run
from advisor.model.target import ScriptExit
from advisor.observe.launch import exit_of
from advisor.observe.owncode import AGENT_FOLDER

TIMER = str(Path(AGENT_FOLDER) / "timer.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is run: a program with its arguments, its folder, its whole environment, and a file as standard input."""

    argv: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    stdin: str = os.devnull


class Timer:
    """Runs commands one at a time through a small process of its own (`advisor.agent.timer`); a context manager.

    Output is thrown away. What a command leaves running is ended; leaving it ends that process
    and the command under way.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def run(self, command: Command, *, timeout_s: float) -> tuple[ScriptExit, Run | None]:
        """Run `command` once: how it ended, and its figures where it ended by itself (None where it was stopped).

        Raises ObserveError where it cannot be started.
        """
        answer = self._ask(
            args=command.argv, cwd=command.cwd, env=dict(command.environment), stdin=command.stdin, timeout_s=timeout_s
        )  # fmt: skip
        if "refused" in answer:
            raise ObserveError(f"cannot start {command.argv[0]}", why=answer["refused"])
        if answer.get("timed_out"):
            return ScriptExit(code=_TIMED_OUT, error=f"it did not end within {timeout_s:.3g} s"), None
        complaint = str(answer.pop("complaint")).strip().splitlines()
        ended = exit_of(answer.pop("status"), complaint[-1] if complaint else None)
        return ended, Run(**answer)

    def _ask(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401  # what JSON can hold
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("used outside of its `with`")
        with suppress(BrokenPipeError):  # the answer, none, says so
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        line = process.stdout.readline()
        if not line:  # a script may kill what has started it
            status = self._end()
            self._start()
            raise ObserveError("the process that timed the run is gone", why=f"exit status {status}")
        return dict(json.loads(line))

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", TIMER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )

    def _end(self) -> int:
        """End the process, if there is one; its exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # both were asked for
        return process.wait()


_TIMED_OUT = 124
"""As timeout(1) ends."""
