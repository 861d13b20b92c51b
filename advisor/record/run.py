"""Run 2: run the script once more, recorded, and come back with the calls and the stage they can be replayed on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from advisor.errors import StageError
from advisor.model.outline import Outline
from advisor.model.recording import Recording
from advisor.model.target import Replay, ScriptExit, Target
from advisor.record import wire
from advisor.record.process import AgentProcess

_LAST_LINE_CHARACTERS = 200
_SLOWER = 10.0
"""A recorded run may take so many times as long as the first (a tracer's worst case) ..."""
_AT_LEAST_S = 60.0
"""... plus this, before it is taken for hung."""
_RECORDING_SHARE = 0.25
"""Share of the script's own time that pickling arguments may cost in all."""
_RECORDING_AT_LEAST_S = 0.5
_COUNTING_SHARE = 0.2
"""Share of the script's own time during which functions are counted; a tracer costs up to 6 times that (Python
3.11 runs even a loop without calls 1.4 times slower under it)."""
_COUNTING_AT_LEAST_S = 0.5
_COUNTING_COST_SHARE = 0.15
"""Share of the script's own time that counting may cost, as far as that can be told from the calls counted."""
_COUNTING_COST_AT_LEAST_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlan:
    """What run 2 is to do: `hot` lines as (absolute path, line), loops to record turn by turn, the user's consent.

    `wall_s` are the first run's seconds.
    """

    hot: tuple[tuple[str, int], ...]
    wall_s: float
    replay_effects: Replay = "safe"
    loops: tuple[Outline, ...] = ()

    def config(self, target: Target) -> dict[str, Any]:
        """The agent's configuration."""
        return {
            "mode": "record",
            "script": target.script,
            "module": target.module,
            "argv": list(target.argv),
            "roots": list(target.roots),
            "hot": [list(place) for place in self.hot],
            "loops": [asdict(loop) for loop in self.loops],
            "allowance_s": max(_RECORDING_AT_LEAST_S, self.wall_s * _RECORDING_SHARE),
            "counts_s": max(_COUNTING_AT_LEAST_S, self.wall_s * _COUNTING_SHARE),
            "counts_cost_s": max(_COUNTING_COST_AT_LEAST_S, self.wall_s * _COUNTING_COST_SHARE),
            "replay_effects": self.replay_effects,
        }


def record(target: Target, plan: RecordPlan, stdin: int | None, folder: Path) -> tuple[Recording, AgentProcess | None]:
    """Run the script recorded. The process, where there is one, is alive and waits for trials: end it.

    A script that does not come to a normal end (it hangs, kills itself, replaces itself) gives a Recording with
    `staged` False and the reason.
    """
    process = AgentProcess.start(target.python, stdin, folder)
    try:
        process.open_gate(plan.config(target))
        message = process.receive(plan.wall_s * _SLOWER + _AT_LEAST_S)
    except StageError as error:
        process.end(grace_s=0)
        why = ": ".join(part for part in (error.what, error.why, _last_line(folder / "stderr")) if part)
        return Recording(exit=ScriptExit(code=1, error=why), wall_s=0.0, unstaged_why=why), None
    except BaseException:
        process.end(grace_s=0)
        raise
    return wire.recording(message, ScriptExit(), plan.loops), process


def _last_line(file: Path) -> str:
    """What the held-back run said last on standard error: how it ended, if it ended by an error."""
    lines = file.read_text(errors="replace").splitlines() if file.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:_LAST_LINE_CHARACTERS]
