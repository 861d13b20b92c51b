"""From what the agent sent to the frozen types of the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from advisor.model.outline import Outline
from advisor.model.recording import Effect, FunctionCount, RecordedSite, Recording
from advisor.model.target import ScriptExit
from advisor.model.trial import WorkerMix

_NAMES = ("mutated", "grown", "by_key", "own", "fed", "reads", "revisited", "connections")


def recording(message: dict[str, Any], exit_: ScriptExit, loops: Iterable[Outline] = ()) -> Recording:
    """The Recording of the agent's "recorded" message; `loops` are those whose turns it was to record.

    Raises KeyError or TypeError for a message of another shape.
    """
    known = {(loop.file, loop.line, loop.column): loop for loop in loops}
    sites = tuple(_site(raw, known) for raw in message["sites"])
    return Recording(
        exit=exit_,
        wall_s=message["wall_s"],
        sites=sites,
        functions=tuple(FunctionCount(**raw) for raw in message["functions"]),
        staged=True,
        python=message["python"],
        gil=message["gil"],
        start_method=message["start_method"],
        native_libraries=tuple(message["native_libraries"]),
    )


def _site(raw: dict[str, Any], loops: Mapping[tuple[str, int, int], Outline]) -> RecordedSite:
    effects = tuple(Effect(**effect) for effect in raw["effects"])
    current = None if raw["current"] is None else WorkerMix(**raw["current"])
    names = {field: tuple(raw[field]) for field in _NAMES}
    outline = loops.get((raw["file"], raw["line"], raw["column"])) if raw["kind"] == "loop" else None
    return RecordedSite(**{**raw, **names, "effects": effects, "current": current, "outline": outline})
