"""The trials of one run: which sites get them, how much of the budget, and what follows from them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import util
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from advisor.analyse.bound import judge_replayed, nature_of
from advisor.analyse.choice import call_s, choose_sites, longest_s
from advisor.analyse.safety import assess
from advisor.analyse.scaling import predict
from advisor.errors import StageError
from advisor.model.advice import Prediction, SiteAdvice
from advisor.model.ledger import WAIT_KINDS
from advisor.model.trial import SERIAL, WorkerMix
from advisor.recommend.balance import after_change, current_mix, doubtful, recommend
from advisor.recommend.flags import site_findings
from advisor.recommend.margins import stay
from advisor.recommend.prediction import Limits
from advisor.recommend.settle import settled
from advisor.recommend.snippet import snippet
from advisor.recommend.trust import representative
from advisor.replay.clock import MonotonicClock
from advisor.replay.lines import replayed_lines
from advisor.replay.protocol import Plan
from advisor.replay.search import Search

if TYPE_CHECKING:
    from advisor.model.machine import Machine
    from advisor.model.site import Site
    from advisor.model.trial import Trial
    from advisor.pipeline.options import AdviseOptions, Progress
    from advisor.replay.stage import RemoteStage

BUDGET_AT_LEAST_S = 10.0
BUDGET_AT_MOST_S = 60.0
"""Bounds of the default trial budget, which is the script's own time."""
FIRST_SITE_WEIGHT = 2.0
"""The most promising site gets so many times the budget of each other one: the verdict speaks of it."""
LINES_SHARE = 0.1
"""Part of a site's budget that line_profiler gets, between these bounds."""
LINES_AT_LEAST_S = 0.3
LINES_AT_MOST_S = 2.0
NOTABLE_WAIT = 0.1
"""Part of a call from which on waiting is worth workers of its own kind."""
NOTABLE_PYTHON = 0.03
"""The same for Python code: 3% of it keep one process from gaining more than 33x, whatever the threads."""
UNEVEN = 1.0
"""Relative standard deviation of the calls' traced seconds from which on a few of them may not stand for all: that of
exponential ones. Trials draw short and long calls alike, and tracing makes even calls look uneven (up to 0.6 seen)."""
MOST_THREADS = 64
MOST_PROCESSES = 32
"""Largest pools tried unless the user says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Measures sites on a stage; `script_wall_s` is run 1's wall time.

    `unrecorded_why` says why run 2 left nothing to replay, "" where it did.
    """

    options: AdviseOptions
    machine: Machine
    script_wall_s: float
    unrecorded_why: str = ""

    def measure(
        self, sites: Sequence[Site], stage: RemoteStage, progress: Progress
    ) -> tuple[tuple[SiteAdvice, ...], Machine]:
        """Trials for the sites worth them; every site with what follows, and the machine with its native pools.

        Where the stage goes away or the user interrupts, the sites not measured by then are predicted.
        """
        bench, measured = self, dict[str, SiteAdvice]()
        try:
            pools = stage.native_pools(library=folder_of("threadpoolctl"))
            bench = replace(self, machine=replace(self.machine, native_pools=pools))
            bench.run_trials(sites, stage, progress, measured)
        except (StageError, KeyboardInterrupt):
            pass
        return tuple(measured.get(site.id) or bench.unmeasured(site, measured) for site in sites), bench.machine

    def run_trials(
        self, sites: Sequence[Site], stage: RemoteStage, progress: Progress, measured: dict[str, SiteAdvice]
    ) -> None:
        """Trials for the sites worth them, the most promising first; what each gives is put into `measured`."""
        clock = MonotonicClock()
        began = clock.now()
        chosen = [self.watched(stage, site) for site in choose_sites(sites, self.machine)]
        left_s = max(self.budget_s - (clock.now() - began), self.budget_s / 2)
        if chosen:
            progress.step("replay", left_s)
        for place, site in enumerate(chosen):
            if not site.safety.replayable:
                measured[site.id] = self.unmeasured(site, ())
                continue
            rest = len(chosen) - place - 1
            weight = FIRST_SITE_WEIGHT if place == 0 else 1.0
            budget_s = left_s * weight / (weight + rest)
            spent_s = self.budget_s - left_s
            began = clock.now()
            told = partial(_tell, progress, spent_s / self.budget_s, budget_s / self.budget_s)
            lines_s = min(max(budget_s * LINES_SHARE, LINES_AT_LEAST_S), LINES_AT_MOST_S)
            searching = Search(stage, self.plan(site, max(budget_s - lines_s, budget_s / 2)), clock, told)
            try:
                trials = searching.run()
                if any(trial.ok for trial in trials):  # else its calls cannot be run again: each may hang for long
                    site = self._with_lines(site, stage, lines_s)  # noqa: PLW2901
                measured[site.id] = self.judged(site, trials)
            except (StageError, KeyboardInterrupt):
                if searching.trials():  # what they showed by then, a deadlock above all, is not to be forgotten
                    measured[site.id] = self.judged(site, searching.trials())
                raise
            left_s -= min(budget_s, clock.now() - began)

    def watched(self, stage: RemoteStage, site: Site) -> Site:
        """A site whose calls ran in other processes, with what a few of them change when they run where we can look."""
        recorded = site.recorded
        if recorded is None or recorded.kind != "pool" or current_mix(site).processes == 1:
            return site
        seen = stage.witness(recorded)
        safety = assess(seen, site.ledger, replay=self.options.replay_effects)
        return replace(site, recorded=seen, safety=safety)

    @property
    def limits(self) -> Limits:
        """The largest pools tried, or advised without a trial."""
        return Limits(
            threads=self.options.max_threads or MOST_THREADS, processes=self.options.max_processes or MOST_PROCESSES
        )

    @property
    def budget_s(self) -> float:
        """Seconds for all trials."""
        if self.options.budget_s is not None:
            return self.options.budget_s
        return min(max(self.script_wall_s, BUDGET_AT_LEAST_S), BUDGET_AT_MOST_S)

    def plan(self, site: Site, budget_s: float) -> Plan:
        """What the search is to find out about `site`."""
        recorded = site.recorded
        if recorded is None or site.calls is None:
            raise ValueError("only recorded sites can be replayed")
        nature = nature_of(site.ledger)
        # A worker's waits on pipes and locks are mostly its pool's own.
        kinds = WAIT_KINDS if recorded.kind != "pool" else [kind for kind in WAIT_KINDS if kind != "pipe"]
        waits = sum(nature.get(kind, 0.0) for kind in kinds)
        return Plan(
            site=site.id,
            calls=site.calls,
            sampled=recorded.sampled,
            per_call_s=max(call_s(site), 1e-9),
            cores=self.machine.cores,
            budget_s=budget_s,
            expectation=partial(self._expected, site),
            settled=lambda trials: settled(site, trials, self.machine, script_wall_s=self.script_wall_s),
            max_threads=self.limits.threads if site.safety.workers != "processes" else 1,
            max_processes=self.limits.processes,
            current=recorded.current,
            row=site.row or 0,
            native_pools=any(pool.threads > 1 for pool in self.machine.native_pools),
            waits=waits >= NOTABLE_WAIT,
            uneven=recorded.unevenness is None or recorded.unevenness >= UNEVEN,
            computes=nature.get("python", 0.0) >= NOTABLE_PYTHON,
            sendable=recorded.pickle_error is None,
        )

    def _expected(self, site: Site, mix: WorkerMix) -> float:
        return predict(
            site.ledger, mix, self.machine, site.at_once, task_s=call_s(site), longest_s=longest_s(site),
            child_cpus=site.child_cpus,
        )  # fmt: skip

    def _with_lines(self, site: Site, stage: RemoteStage, limit_s: float) -> Site:
        """The site with line_profiler's figures, where it can be had; with those of run 1's samples else."""
        places = sorted({(line.file, line.line) for line in site.lines})
        lines = replayed_lines(stage, site.id, places, limit_s=limit_s, library=folder_of("line_profiler"))
        return replace(site, lines=lines) if lines else site

    def judged(self, site: Site, trials: tuple[Trial, ...]) -> SiteAdvice:
        """The recommendation that the trials support; a prediction where they cannot stand for the job."""
        site = _seen_alone(site, trials)
        refused = next((trial.error for trial in trials if trial.outcome == "withheld"), None)
        if refused is not None:
            why = f"a replayed call was stopped before it acted: {refused}"
            withheld = replace(site.safety, status="withheld", reasons=(why, *site.safety.reasons))
            return self.unmeasured(replace(site, safety=withheld), {})
        sound = representative(site, trials)
        weigh = partial(
            recommend if sound else doubtful, machine=self.machine, script_wall_s=self.script_wall_s,
            limits=self.limits,
        )  # fmt: skip
        answer = weigh(site, trials)
        changed = after_change(site, trials, weigh) if sound else None
        findings = site_findings(site, trials, answer, self.machine)
        return SiteAdvice(
            site=site, trials=trials, recommendation=answer, after_change=changed, findings=findings,
            predictions=tuple(self._predictions(site, trials)), snippet=snippet(site, answer, self.machine),
        )  # fmt: skip

    def _predictions(self, site: Site, trials: Sequence[Trial]) -> Iterator[Prediction]:
        """What was expected of each parallel mix beside what it came to, start-up included in neither."""
        serial = next((trial for trial in trials if trial.mix == SERIAL and trial.ok), None)
        for trial in trials:
            if serial is not None and trial.ok and trial.mix != SERIAL:
                took_s = median(trial.wall_s) / trial.tasks
                measured = median(serial.wall_s) / serial.tasks / took_s if took_s > 0 else 0.0
                if measured > 0:
                    yield Prediction(mix=trial.mix, predicted=self._expected(site, trial.mix), measured=measured)

    def unmeasured(self, site: Site, measured: Container[str]) -> SiteAdvice:
        """What can be said of a site without trials; one inside a measured site is answered by that one."""
        if site.nested_in in measured and site.safety.replayable:
            return SiteAdvice(site=site)
        if self.unrecorded_why:
            answer = stay(current_mix(site), self.unrecorded_why, measured=False, decided=False)
        else:
            answer = recommend(site, (), self.machine, script_wall_s=self.script_wall_s, limits=self.limits)
        return SiteAdvice(
            site=site, recommendation=answer, findings=site_findings(site, (), answer, self.machine),
            snippet=snippet(site, answer, self.machine),
        )  # fmt: skip


def _seen_alone(site: Site, trials: Sequence[Trial]) -> Site:
    """The site of a process pool with the bound its calls show without the pool."""
    current = site.recorded.current if site.recorded is not None else None
    if current is None or current.processes == 1:
        return site
    bound = judge_replayed(site.ledger, trials)
    return site if bound is None else replace(site, bound=bound)


def _tell(progress: Progress, done: float, part: float, _mix: WorkerMix, spent: float) -> None:
    progress.advance(min(1.0, done + part * spent))


def folder_of(module: str) -> str:
    """The folder our own copy of `module` lies in; "" where there is none."""
    spec = util.find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    path = Path(spec.origin).parent
    return str(path.parent if spec.submodule_search_locations else path)
