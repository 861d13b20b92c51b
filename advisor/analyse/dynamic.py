"""Code that travelled to a worker by value: cloudpickle (joblib, loky, Dask) sends it without the name of its file."""

from __future__ import annotations

from dataclasses import replace

from advisor.analyse import source
from advisor.model.observation import Frame, Observation

DYNAMIC = "<dynamic-code>"
"""What stands for the file then. Lines and names are kept."""


def relocated(observation: Observation, script: str) -> Observation:
    """The observation with frames of such code put back into `script`, the absolute path of the main module.

    Only what is defined in the main module, or inside functions, is sent by value; where the script has no function of
    that name around that line, the frame stays as it is.
    """
    if not any(frame.file == DYNAMIC for stack in observation.stacks for frame in stack):
        return observation
    known = {frame: _back(frame, script) for stack in observation.stacks for frame in stack if frame.file == DYNAMIC}
    stacks = tuple(tuple(known.get(frame, frame) for frame in stack) for stack in observation.stacks)
    return replace(observation, stacks=stacks)


def _back(frame: Frame, script: str) -> Frame:
    names = frame.function.split(".")
    around = any(
        node.name in names and node.lineno <= frame.line <= (node.end_lineno or node.lineno)
        for node in source.functions(script)
    )
    return replace(frame, file=script, own=True) if around else frame
