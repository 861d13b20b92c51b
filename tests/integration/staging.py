"""Record a small script for real and run trials on it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from advisor.analyse import source as source_trees
from advisor.analyse.turns import outline
from advisor.model.outline import Outline
from advisor.model.recording import RecordedSite, Recording
from advisor.model.target import Replay, Target
from advisor.model.trial import SERIAL, Trial, TrialRequest, WorkerMix
from advisor.record.process import AgentProcess
from advisor.record.run import RecordPlan, record
from advisor.replay.stage import RemoteStage

TIMEOUT_S = 20.0
WALL_S = 2.0
THREADS = WorkerMix(backend="threads", threads_per_process=3)
PROCESSES = WorkerMix(backend="processes", processes=2)
HYBRID = WorkerMix(backend="hybrid", processes=2, threads_per_process=2)
MIXES = (SERIAL, THREADS, PROCESSES, HYBRID)
HOT = "# hot"
TURNS = "# turns"


@dataclass
class Staged:
    """A recorded script, and its stage where there is one."""

    recording: Recording
    process: AgentProcess | None
    folder: Path
    exit_code: int | None = None
    stage: RemoteStage = field(init=False)

    def __post_init__(self) -> None:
        if self.process is not None:
            self.stage = RemoteStage(self.process)

    def site(self, callee: str) -> RecordedSite:
        """The one site that calls `callee`."""
        (found,) = [site for site in self.recording.sites if site.callee == callee]
        return found

    def run(
        self,
        callee: str,
        mix: WorkerMix = SERIAL,
        *,
        tasks: int = 0,
        timeout_s: float = TIMEOUT_S,
        memory: bool = False,
    ) -> Trial:
        """One trial of all calls of `callee`, or of `tasks`."""
        site = self.site(callee)
        request = TrialRequest(site=site.id, mix=mix, tasks=tasks or site.calls, timeout_s=timeout_s, memory=memory)
        return self.stage.run(request)

    def processes(self) -> list[psutil.Process]:
        """All processes of the stage's session but the stage itself."""
        assert self.process is not None
        session = self.process.child.pid
        return [process for process in psutil.process_iter() if process.pid != session and _session(process) == session]

    def output(self, stream: str = "stdout") -> str:
        """What the script wrote in run 2."""
        return (self.folder / stream).read_text()


def _session(process: psutil.Process) -> int:
    with contextlib.suppress(OSError):
        return os.getsid(process.pid)
    return -1


@contextlib.contextmanager
def staged(
    folder: Path,
    source: str,
    *,
    replay_effects: Replay = "safe",
) -> Iterator[Staged]:
    """Record `source`, whose hot lines (also in modules beside it) end in `# hot`; then its stage; then its end.

    Loops whose first line ends in `# turns` are recorded turn by turn.
    """
    script = folder / "script.py"
    script.write_text(textwrap.dedent(source))
    target = Target(python=sys.executable, script=str(script), roots=(str(folder),))
    held = folder / "held back"
    held.mkdir()
    plan = RecordPlan(
        hot=tuple(_hot_lines(folder)), wall_s=WALL_S, replay_effects=replay_effects, loops=tuple(_loops(str(script)))
    )
    recording, process = record(target, plan, subprocess.DEVNULL, held)
    result = Staged(recording, process, held)
    try:
        yield result
    finally:
        if process is not None:
            process.send({"op": "end"})
            result.exit_code = process.end()


def _loops(file: str) -> Iterator[Outline]:
    for node in source_trees.parents(file):
        if isinstance(node, source_trees.Loop) and source_trees.text(file, node.lineno).endswith(TURNS):
            found = outline(file, node)
            assert isinstance(found, Outline), found
            yield found


def _hot_lines(folder: Path) -> Iterator[tuple[str, int]]:
    for file in folder.glob("*.py"):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if line.endswith((HOT, TURNS)):
                yield str(file), number
