"""From what the agent sent to the frozen types of the model."""

from __future__ import annotations

from typing import Any

from advisor.model.recording import Effect, FunctionCount, RecordedSite, Recording
from advisor.model.target import ScriptExit
from advisor.model.trial import WorkerMix


def recording(message: dict[str, Any], exit_: ScriptExit) -> Recording:
    """The Recording of the agent's "recorded" message. Raises KeyError or TypeError for a message of another shape."""
    sites = tuple(_site(raw) for raw in message["sites"])
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


def _site(raw: dict[str, Any]) -> RecordedSite:
    effects = tuple(Effect(**effect) for effect in raw["effects"])
    current = None if raw["current"] is None else WorkerMix(**raw["current"])
    names = {field: tuple(raw[field]) for field in ("mutated", "grown", "by_key", "own", "fed", "reads", "revisited")}
    return RecordedSite(**{**raw, **names, "effects": effects, "current": current})
