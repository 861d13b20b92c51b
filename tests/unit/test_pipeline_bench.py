"""Which replays the bench asks for, on a stage that only answers."""

from __future__ import annotations

from typing import Any

from scenes import machine, recorded, site

from advisor.model.ledger import Ledger
from advisor.pipeline.bench import Bench
from advisor.pipeline.options import AdviseOptions
from advisor.replay.stage import RemoteStage


class Hanging:
    """A channel to a stage on which every replayed call hangs; it notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def send(self, message: dict[str, Any]) -> None:
        self.asked.append(message["op"])

    def receive(self, timeout_s: float) -> dict[str, Any]:  # noqa: ARG002  # the channel's signature
        if self.asked[-1] == "native":
            return {"pools": []}
        return {"outcome": "timed_out", "error": "not done", "wall_s": None, "lines": []}


class Silent:
    """Progress that nobody looks at."""

    def step(self, name: str, expected_s: float | None) -> None:
        """Pass it by."""

    def advance(self, share: float) -> None:
        """Pass it by."""

    def close(self) -> None:
        """Nothing to close."""


def test_lines_of_calls_that_cannot_be_run_again_are_not_waited_for():
    channel = Hanging()
    bench = Bench(options=AdviseOptions(script="a.py"), machine=machine(), script_wall_s=3.0)
    place = site(Ledger(python=1.0), recorded=recorded(sampled=50, in_loop=True))
    (entry,), _ = bench.measure([place], RemoteStage(channel), Silent())
    assert [trial.outcome for trial in entry.trials] == ["timed_out"]
    assert channel.asked == ["native", "trial"]
