"""The one place that wires the stages: observe -> record -> replay -> analyse -> recommend."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.analyse.sites import build, hot_lines, import_seconds
from advisor.pipeline.bench import Bench
from advisor.model.advice import Advice, Baseline, Cost, SiteAdvice
from advisor.model.target import Target
from advisor.observe.interpreter import choose_interpreter
from advisor.observe.machine import detect
from advisor.observe.run import observe
from advisor.observe.stdin import keep_stdin
from advisor.observe.target import check_target, own_roots
from advisor.record.run import RecordPlan, record
from advisor.recommend.trust import run_findings, too_short
from advisor.recommend.verdict import best_site, verdict
from advisor.replay.stage import RemoteStage
from advisor.pipeline.options import AdviseOptions, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from advisor.model.machine import Machine
    from advisor.model.observation import Observation
    from advisor.model.recording import Recording
    from advisor.observe.stdin import Stdin
    from advisor.record.process import AgentProcess

@dataclass(slots=True)
class _Stopwatch:
    """Seconds spent by step."""

    began: float = field(default_factory=time.monotonic)
    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent[name] = self.spent.get(name, 0.0) + time.monotonic() - began

    def cost(self, runs: int) -> Cost:
        spent = {name: self.spent.get(name, 0.0) for name in ("observe", "record", "replay")}
        total_s = time.monotonic() - self.began
        return Cost(
            runs=runs, observe_s=spent["observe"], record_s=spent["record"], replay_s=spent["replay"], total_s=total_s
        )


def advise(options: AdviseOptions, progress: Progress) -> Advice:
    """Run the target twice and its hot calls under several mixes; the whole result.

    Raises AdvisorError where the target cannot be run at all. Ctrl-C in run 1 stops the script and gives advice
    from what was seen; later on, it ends the step under way and gives what is known by then.
    """
    watch = _Stopwatch()
    interpreter = choose_interpreter(options.python)
    target = _target(options, interpreter.executable)
    machine = detect(interpreter.executable)
    stdin = keep_stdin()
    try:
        with tempfile.TemporaryDirectory(prefix="advise-", ignore_cleanup_errors=True) as folder:
            progress.step("observe", None)
            with watch.step("observe"):
                observation = observe(target, stdin)
            recording, process = _record(options, target, observation, stdin, Path(folder), watch, progress)
            try:
                with watch.step("replay"):
                    entries, machine = _measure(options, machine, observation, recording, process, progress)
            finally:
                if process is not None:
                    process.end()
            progress.step("report", None)
            return _advice(target, machine, observation, recording, entries, watch)
    finally:
        progress.close()


def _target(options: AdviseOptions, python: str) -> Target:
    """The target, checked, with the folders of the user's own code."""
    target = Target(python=python, script=options.script, module=options.module, argv=options.argv)
    check_target(target)
    return replace(target, roots=own_roots(target))


def _record(
    options: AdviseOptions,
    target: Target,
    observation: Observation,
    stdin: Stdin,
    folder: Path,
    watch: _Stopwatch,
    progress: Progress,
) -> tuple[Recording | None, AgentProcess | None]:
    """Run 2, unless run 1 was interrupted or shows nothing worth recording."""
    hot = hot_lines(observation)
    if observation.exit.interrupted or too_short(observation) or not hot:
        return None, None
    plan = RecordPlan(
        hot=tuple((line.file, line.line) for line in hot),
        wall_s=observation.wall_s,
        replay_effects=options.replay_effects,
    )
    progress.step("record", observation.wall_s)
    with watch.step("record"), stdin.supply() as source:
        return record(target, plan, source, folder)


def _measure(
    options: AdviseOptions,
    machine: Machine,
    observation: Observation,
    recording: Recording | None,
    process: AgentProcess | None,
    progress: Progress,
) -> tuple[tuple[SiteAdvice, ...], Machine]:
    """Every site with its trials and recommendation, and the machine with what the script loaded into it."""
    sites = build(observation, recording, allow_effects=options.replay_effects)
    if options.only is not None:
        sites = tuple(site for site in sites if options.only in (site.callee, site.function))
    bench = Bench(
        options=options,
        machine=machine,
        script_wall_s=observation.wall_s,
        unrecorded_why=_unrecorded_why(observation, recording),
    )
    if process is None:
        return tuple(bench.unmeasured(site, ()) for site in sites), machine
    return bench.measure(sites, RemoteStage(process), progress)


def _unrecorded_why(observation: Observation, recording: Recording | None) -> str:
    if observation.exit.interrupted:
        return "the script was stopped, so its calls could not be recorded and tried"
    if recording is not None and not recording.staged:
        return f"its calls could not be recorded, so nothing could be tried: {recording.unstaged_why}"
    return ""


def _advice(
    target: Target,
    machine: Machine,
    observation: Observation,
    recording: Recording | None,
    entries: tuple[SiteAdvice, ...],
    watch: _Stopwatch,
) -> Advice:
    import_s = import_seconds(observation)
    findings = run_findings(observation, import_s=import_s)
    best = best_site(entries)
    totals = observation.totals
    return Advice(
        advisor_version=metadata.version("advisor"),
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        target=target,
        exit=observation.exit,
        machine=machine,
        baseline=Baseline(
            wall_s=observation.wall_s,
            cpu_s=totals.cpu_s,
            import_s=import_s,
            peak_pss_bytes=totals.peak_pss_bytes,
            voluntary_switches=totals.voluntary_switches,
            involuntary_switches=totals.involuntary_switches,
            runqueue_s=totals.runqueue_s,
            source=observation.source,
            samples=observation.samples,
            sample_errors=observation.sample_errors,
        ),
        cost=watch.cost(runs=1 if recording is None else 2),
        verdict=verdict(entries, best, observation.exit, findings),
        sites=entries,
        best=best,
        findings=findings,
        functions=() if recording is None else recording.functions,
    )
