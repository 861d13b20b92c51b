"""Small worlds built by hand: a run as seen, a recording, a site, and a search on a simulated stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.analyse.bound import judge
from advisor.analyse.scaling import predict
from advisor.model.advice import Recommendation
from advisor.model.ledger import Ledger
from advisor.model.machine import Machine
from advisor.model.observation import Frame, Moment, Observation, ProcessTotals, Stack, Tick
from advisor.model.recording import RecordedSite, Recording
from advisor.model.site import Safety, Site
from advisor.model.target import ScriptExit
from advisor.model.trial import Trial, WorkerMix
from advisor.recommend.balance import recommend
from advisor.replay.protocol import Plan
from advisor.replay.search import search
from advisor.testing import FakeClock, SimulatedStage, Workload

TICK_S = 0.01


def own(line: int, function: str = "main", file: str = "/u/a.py") -> Frame:
    return Frame(file=file, line=line, function=function, own=True)


def library(function: str, file: str = "/lib/x.py", line: int = 1) -> Frame:
    return Frame(file=file, line=line, function=function)


def observation(*parts: tuple[int, Sequence[tuple[Stack, dict]]], source: str = "py-spy") -> Observation:
    """Each part is a number of ticks and what every thread did in them: its stack, and the fields of its moment."""
    stacks: list[Stack] = []
    ticks: list[Tick] = []
    for count, threads in parts:
        moments = []
        for tid, (stack, fields) in enumerate(threads):
            if stack not in stacks:
                stacks.append(stack)
            moments.append(Moment(pid=1, tid=tid, stack=stacks.index(stack), **(fields or {"cpu_s": TICK_S})))
        for _ in range(count):
            ticks.append(Tick(at_s=len(ticks) * TICK_S, length_s=TICK_S, moments=tuple(moments)))
    return Observation(
        source=source,
        wall_s=len(ticks) * TICK_S,
        exit=ScriptExit(),
        totals=ProcessTotals(),
        stacks=tuple(stacks),
        gil_share=(1.0,) * len(stacks),
        ticks=tuple(ticks),
    )


def waiting(kind: str = "network") -> dict:
    return {"wait_s": TICK_S, "wait_kind": kind}


def recorded(**fields: object) -> RecordedSite:
    figures: dict = {"id": "s1", "file": "/u/a.py", "line": 5, "end_line": 5, "column": 8, "function": "main"}
    figures |= {"callee": "fetch", "callee_file": "/u/a.py", "callee_line": 20, "calls": 60, "sampled": 50}
    return RecordedSite(**(figures | fields))


def recording(*sites: RecordedSite) -> Recording:
    return Recording(exit=ScriptExit(), wall_s=1.0, sites=sites)


def machine(cores: int = 2, **fields: object) -> Machine:
    figures: dict = {"cpus": cores, "usable_cpus": float(cores), "memory_bytes": 8 << 30, "available_bytes": 4 << 30}
    return Machine(**(figures | {"python": "3.11.7"} | fields))


def site(ledger: Ledger, *, calls: int = 60, wall_s: float = 3.0, share: float = 0.93, **fields: object) -> Site:
    record = fields.pop("recorded", None) or recorded(calls=calls)
    figures: dict = {"id": "s1", "file": "/u/a.py", "line": 5, "function": "main", "callee": "fetch", "kind": "call"}
    figures |= {"bound": judge(ledger, 500), "safety": Safety(status="safe"), "recorded": record}
    return Site(**(figures | {"calls": calls, "wall_s": wall_s, "share": share, "ledger": ledger} | fields))


@dataclass(frozen=True)
class Searched:
    """What a search on a simulated stage came to."""

    workload: Workload
    calls: int
    stage: SimulatedStage
    clock: FakeClock
    trials: tuple[Trial, ...]
    advice: Recommendation

    @property
    def longest_s(self) -> float:
        """The longest single trial there was, or could have been before its time limit."""
        return max(self.workload.job_s(request.mix, request.tasks) for request in self.stage.requests)

    def regret(self, mixes: Sequence[WorkerMix]) -> float:
        """Time of the recommended mix over the best of all `mixes`."""
        return self.workload.job_s(self.advice.mix, self.calls) / self.workload.best(mixes, self.calls)[1]


def run_search(  # noqa: PLR0913  # one knob a test
    workload: Workload,
    calls: int,
    *,
    budget_s: float = 20.0,
    current: WorkerMix | None = None,
    share: float = 0.95,
    seed: int = 1,
    estimate: float = 1.0,
    **limits: int,
) -> Searched:
    clock = FakeClock()
    stage = SimulatedStage(workload, clock, seed=seed)
    host = machine(workload.cores)
    wall_s = calls * workload.task_s
    place = site(
        workload.ledger, calls=calls, wall_s=wall_s, share=share, recorded=recorded(calls=calls, current=current)
    )

    def advise(trials: Sequence[Trial]) -> Recommendation:
        return recommend(place, trials, host, script_wall_s=wall_s / share)

    plan = Plan(
        site="s1",
        calls=calls,
        sampled=min(calls, 50),
        per_call_s=workload.task_s * estimate,
        cores=workload.cores,
        budget_s=budget_s,
        expectation=lambda mix: predict(workload.ledger, mix, host, calls, task_s=workload.task_s),
        settled=lambda trials: advise(trials).decided,
        current=current,
        waits=workload.ledger.wait > 0.1,
        computes=workload.ledger.python >= 0.03,
        **limits,
    )
    trials = search(stage, plan, clock)
    return Searched(workload, calls, stage, clock, trials, advise(trials))
