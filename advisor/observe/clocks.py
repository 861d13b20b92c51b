"""The recorder's clock set against ours."""

from __future__ import annotations

from advisor.model.observation import Stack
from advisor.observe.pyspy import Track

_GATE_FUNCTION = "wait_at_gate"
_GATE_FILE = "bootstrap.py"


def timeline_zero(main_thread: Track | None, *, opened_s: float, ready_s: float, period_s: float) -> float:
    """When on the host's clock the time line began, in seconds.

    `ready_s` is when the recorder said that it samples, `opened_s` when the gate opened, both on the host's clock.
    The first sample of the main thread away from the gate was taken within one period of its opening; what the
    recorder said counts as far as that allows, and alone where the gate was not seen.
    """
    left_s = _left_gate(main_thread) if main_thread is not None else None
    if left_s is None:
        return ready_s
    earliest_s = opened_s - left_s
    return min(max(ready_s, earliest_s), earliest_s + period_s)


def _left_gate(track: Track) -> float | None:
    """The time of the first stack that is not at the gate, after one that is."""
    waiting = [_at_gate(stack) for stack in track.stacks]
    changes = zip(waiting, waiting[1:], track.at_s[1:], strict=False)
    return next((at_s for before, after, at_s in changes if before and not after), None)


def _at_gate(stack: Stack) -> bool:
    return any(frame.function == _GATE_FUNCTION and frame.file.endswith(_GATE_FILE) for frame in stack)
