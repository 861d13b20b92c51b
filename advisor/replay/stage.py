"""The host's end of the stage: one request, one forked copy, one answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from advisor.errors import StageError
from advisor.model.machine import NativePool
from advisor.model.recording import RecordedSite
from advisor.model.trial import Stand, Trial, TrialRequest

_ANSWER_S = 30.0
"""How much later than a trial's own time limit the stage's answer may come."""


class Channel(Protocol):
    """A two-way line of messages to the agent."""

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """Wait for the next message."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCount:
    """Hits and seconds of one line in replayed calls, by line_profiler."""

    file: str
    line: int
    hits: int
    time_s: float


@dataclass(slots=True)
class RemoteStage:
    """Runs trials on forked copies of the recorded script, through `channel`.

    A trial that leaves the machine, or one of `memory_groups` (limit in bytes, folder of the control group), less
    memory than `memory_floor_bytes` is stopped; each of its processes may take `memory_cap_bytes` more than the script
    has (0: as much as there is). `native_library` is the folder of a threadpoolctl, for interpreters without one.
    """

    channel: Channel
    memory_floor_bytes: int = 0
    memory_cap_bytes: int = 0
    memory_groups: tuple[tuple[int, str], ...] = ()
    native_library: str = ""

    def run(self, request: TrialRequest) -> Trial:
        """One replay. Raises StageError where the stage itself has gone."""
        answer = self._ask(
            {
                "op": "trial",
                "site": request.site,
                "backend": request.mix.backend,
                "processes": request.mix.processes,
                "threads_per_process": request.mix.threads_per_process,
                "chunk": request.mix.chunk,
                "tasks": request.tasks,
                "timeout_s": request.timeout_s,
                "memory": request.memory,
                "row": request.row,
                "native_threads": request.mix.native_threads,
                "library": self.native_library,
                **self._bounds(),
            },
            request.timeout_s,
        )
        if answer["wall_s"] is None:
            return Trial(
                mix=request.mix,
                tasks=request.tasks,
                wall_s=(),
                outcome=answer["outcome"],
                error=answer["error"],
                cpu_s=answer.get("cpu_s", 0.0),
                stacks=tuple(Stand(**stand) for stand in answer.get("stacks", ())),
            )
        return Trial(
            mix=request.mix,
            tasks=request.tasks,
            wall_s=(answer["wall_s"],),
            startup_s=answer["startup_s"],
            cpu_s=answer["cpu_s"],
            voluntary_switches=answer["voluntary_switches"],
            involuntary_switches=answer["involuntary_switches"],
            peak_pss_bytes=answer.get("peak_pss_bytes"),
            ipc_bytes=answer["ipc_bytes"],
            outcome=answer["outcome"],
            error=answer["error"],
            task_s=tuple(answer["task_s"]),
            mismatches=answer["mismatches"],
        )

    def lines(
        self, site: str, functions: Iterable[tuple[str, int]], *, limit_s: float, library: str
    ) -> tuple[LineCount, ...]:
        """Line figures of about `limit_s` of replayed calls; empty where line_profiler cannot be had there."""
        places = [list(place) for place in functions]
        order = {"op": "lines", "site": site, "functions": places, "limit_s": limit_s, "library": library}
        timeout_s = limit_s * _LINES_SLOWER + _ANSWER_S
        answer = self._ask(order | {"timeout_s": timeout_s} | self._bounds(), timeout_s)
        return tuple(LineCount(**line) for line in answer["lines"])

    def native_pools(self, *, library: str) -> tuple[NativePool, ...]:
        """Thread pools of native libraries in the script's process; empty where threadpoolctl finds none."""
        order = {"op": "native", "site": None, "library": library, "timeout_s": _NATIVE_S}
        answer = self._ask(order, _NATIVE_S)
        return tuple(NativePool(**pool) for pool in answer["pools"])

    def witness(self, recorded: RecordedSite) -> RecordedSite:
        """The site with what a few of its calls change, run again here; as it was where they fail."""
        order = {"op": "witness", "site": recorded.id, "timeout_s": _NATIVE_S} | self._bounds()
        answer = self._ask(order, _NATIVE_S)

        def joined(known: Iterable[str], name: str) -> tuple[str, ...]:
            return tuple(dict.fromkeys((*known, *answer.get(name, ()))))

        return replace(
            recorded,
            mutated=joined(recorded.mutated, "mutated"),
            grown=joined(recorded.grown, "grown"),
            by_key=joined(recorded.by_key, "by_key"),
            reads=joined(recorded.reads, "reads"),
        )

    def _bounds(self) -> dict[str, Any]:
        return {
            "memory_floor_bytes": self.memory_floor_bytes,
            "memory_cap_bytes": self.memory_cap_bytes,
            "memory_groups": self.memory_groups,
        }

    def _ask(self, order: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        self.channel.send(order)
        try:
            return self.channel.receive(timeout_s + _ANSWER_S)
        except StageError as error:
            raise StageError(f"the stage did not answer: {error.what}", why=error.why) from error


_NATIVE_S = 10.0
"""Looking into the loaded libraries, or at a few calls, takes moments; what hangs is not waited for."""
_LINES_SLOWER = 20.0
"""One replayed call is not cut short: line_profiler may slow it down by up to 50 times."""
