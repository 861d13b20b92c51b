"""What an interrupt between run 2 and the trials leaves."""

from __future__ import annotations

from typing import cast

import pytest

from advisor.model.observation import Observation
from advisor.pipeline import flow
from advisor.record.process import AgentProcess

PROCESS = cast("AgentProcess", object())
SEEN = cast("Observation", object())


class Interrupted:
    """Steps of a run of which each that is named raises KeyboardInterrupt."""

    def __init__(self, *where: str) -> None:
        self.where, self.interrupts, self.asked = where, list[int](), list[object]()

    def step(self, name: str) -> None:
        if name in self.where:
            self.interrupts.append(2)
            raise KeyboardInterrupt

    def measure(self, _observation: object, _recording: object, process: object) -> tuple[tuple[str, ...], str]:
        self.asked.append(process)
        self.step("with trials" if process else "without")
        return ("sites",), "machine"


def measured(monkeypatch: pytest.MonkeyPatch, run: Interrupted) -> tuple[object, ...]:
    def noise() -> str:
        run.step("noise")
        return "noise"

    monkeypatch.setattr(flow, "measure_noise", noise)
    return flow._Run.measured(cast("flow._Run", run), SEEN, None, PROCESS)


@pytest.mark.parametrize(
    ("where", "noise", "asked"), [("noise", None, [None]), ("with trials", "noise", [PROCESS, None])]
)
def test_the_first_interrupt_leaves_what_is_known_without_trials(
    monkeypatch: pytest.MonkeyPatch, where: str, noise: str | None, asked: list[object]
) -> None:
    run = Interrupted(where)
    assert measured(monkeypatch, run) == (("sites",), "machine", noise)
    assert run.asked == asked


def test_the_second_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Interrupted("with trials")
    run.interrupts.append(2)
    with pytest.raises(KeyboardInterrupt):
        measured(monkeypatch, run)
    assert run.asked == [PROCESS]
