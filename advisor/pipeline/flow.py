"""From a target to its advice: observe -> record -> replay -> analyse -> recommend."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.analyse.convoy import convoys
from advisor.analyse.dynamic import relocated
from advisor.analyse.eventloop import blocking
from advisor.analyse.loops import hot_loops
from advisor.analyse.profile import run_profile
from advisor.analyse.sites import build, hot_lines, import_seconds
from advisor.analyse.unseen import with_unseen
from advisor.errors import EXIT_INTERRUPTED, AdvisorError, TargetError
from advisor.model.advice import Advice, Baseline
from advisor.model.recording import Recording
from advisor.model.target import ScriptExit, Target
from advisor.observe.cgroup import memory_groups
from advisor.observe.interpreter import Interpreter, choose_interpreter, folder_beside
from advisor.observe.machine import detect
from advisor.observe.noise import measure as measure_noise
from advisor.observe.run import observe
from advisor.observe.signals import noted_interrupts, orderly_end
from advisor.observe.sources import read_sources
from advisor.observe.stdin import keep_stdin
from advisor.observe.target import check_target, own_roots
from advisor.pipeline.bench import Bench, folder_of
from advisor.pipeline.stopwatch import Stopwatch
from advisor.recommend.parallel import explained, with_findings, with_lock
from advisor.recommend.trust import run_findings, too_short
from advisor.recommend.verdict import best_site, verdict
from advisor.record.run import RecordPlan, record
from advisor.replay.stage import RemoteStage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from advisor.model.advice import SiteAdvice
    from advisor.model.machine import Machine, Noise
    from advisor.model.observation import Observation
    from advisor.observe.stdin import Stdin
    from advisor.pipeline.options import AdviseOptions, Progress
    from advisor.record.process import AgentProcess


MEMORY_FLOOR_BYTES = 500_000_000
MEMORY_FLOOR_SHARE = 0.05
"""A trial is stopped before it leaves the machine less memory than this, of both the smaller."""


RESERVED_BYTES = 1_000_000_000
"""What a process may map and never touch, besides the memory that was free: 64 thread stacks take half of it."""


def advise(options: AdviseOptions, progress: Progress) -> Advice:
    """Run the target twice and its hot calls under several mixes; the whole result.

    Raises AdvisorError where the target cannot be run at all. Ctrl-C in run 1 stops the script and gives advice
    from what was seen; later on, it ends the step under way and gives what is known by then. A second Ctrl-C gives up.
    SIGTERM and SIGHUP leave by SystemExit. Whichever way it ends, no process and no temporary file stays behind.
    """
    stopwatch = Stopwatch()
    _check_working_folder()
    interpreter = choose_interpreter(options.python, beside=folder_beside(options.script))
    target = _target(options, interpreter)
    machine = detect(interpreter.executable)
    try:
        with orderly_end(), noted_interrupts() as interrupts, temporary_folder() as folder:
            run = _Run(
                options=options, target=target, machine=machine, stopwatch=stopwatch, progress=progress,
                folder=folder, interrupts=interrupts,
            )  # fmt: skip
            advice = run.advice()
            return replace(advice, interrupted=bool(interrupts) or advice.exit.interrupted)
    finally:
        progress.close()


@contextmanager
def temporary_folder(within: Path | None = None) -> Iterator[Path]:
    """A folder `within` another (None: the usual one) that is gone afterwards. Raises AdvisorError where none can."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="advise-", dir=within, ignore_cleanup_errors=True)
    except OSError as error:
        cure = "free some space, or set TMPDIR to a folder you can write to"
        raise AdvisorError("no temporary file can be written", why=error.strerror or str(error), cure=cure) from error
    with folder as name:
        yield Path(name)


def _target(options: AdviseOptions, interpreter: Interpreter) -> Target:
    """The target, checked, with the folders of the user's own code."""
    target = Target(
        python=interpreter.executable, python_why=interpreter.why, script=options.script, module=options.module,
        argv=options.argv,
    )  # fmt: skip
    check_target(target)
    return replace(target, roots=own_roots(target))


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        what, why = "the working folder is gone", "it was deleted or replaced"
        raise TargetError(what, why=why, cure="cd to another") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One `advise`, step by step; `folder` is for temporary files, `interrupts` the Ctrl-Cs that have come so far."""

    options: AdviseOptions
    target: Target
    machine: Machine
    stopwatch: Stopwatch
    progress: Progress
    folder: Path
    interrupts: Sequence[int] = ()

    def advice(self) -> Advice:
        """All steps."""
        stdin = keep_stdin()
        self.progress.step("observe", None)
        with self.stopwatch.step("observe"):
            observation = self.observed(stdin)
            texts = read_sources(observation)
        recording, process = self.record(observation, stdin)
        try:
            observation = with_unseen(observation, recording.sites if recording is not None else ())
            with self.stopwatch.step("replay"):
                entries, machine, noise = self.measured(observation, recording, process)
        finally:
            if process is not None:
                process.end()
        self.progress.step("report", None)
        advice = self.put_together(observation, recording, entries, machine, noise)
        return replace(advice, profile=run_profile(observation, [entry.site for entry in entries], texts))

    def observed(self, stdin: Stdin) -> Observation:
        """Run 1, with all of the script's code in its place."""
        observation = observe(self.target, stdin)
        script = self.target.script
        return observation if script is None else relocated(observation, str(Path(script).absolute()))

    def record(self, observation: Observation, stdin: Stdin) -> tuple[Recording | None, AgentProcess | None]:
        """Run 2, unless run 1 was interrupted or shows nothing worth recording."""
        hot = hot_lines(observation)
        if observation.exit.interrupted or too_short(observation) or not hot:
            return None, None
        plan = RecordPlan(
            hot=tuple((line.file, line.line) for line in hot),
            wall_s=observation.wall_s,
            replay_effects=self.options.replay_effects,
            loops=hot_loops(observation),
        )
        try:
            self.progress.step("record", observation.wall_s)
            with self.stopwatch.step("record"), stdin.supply() as source:
                return record(self.target, plan, source, self.folder)
        except KeyboardInterrupt:
            ended = ScriptExit(code=EXIT_INTERRUPTED, interrupted=True)
            return Recording(exit=ended, wall_s=0.0, unstaged_why="run 2 was interrupted"), None

    def measured(
        self, observation: Observation, recording: Recording | None, process: AgentProcess | None
    ) -> tuple[tuple[SiteAdvice, ...], Machine, Noise | None]:
        """As `measure`, with the machine's noise; where the first interrupt comes before the trials, without these."""
        noise = None
        try:
            noise = measure_noise() if process is not None else None
            return *self.measure(observation, recording, process), noise
        except KeyboardInterrupt:
            if len(self.interrupts) > 1:
                raise
            return *self.measure(observation, recording, None), noise

    def measure(
        self, observation: Observation, recording: Recording | None, process: AgentProcess | None
    ) -> tuple[tuple[SiteAdvice, ...], Machine]:
        """Every site with its trials and recommendation, and the machine with what the script loaded into it."""
        sites = build(observation, recording, replay=self.options.replay_effects)
        sites = explained(sites, convoys(observation))
        if self.options.only is not None:
            sites = tuple(site for site in sites if self.options.only in (site.callee, site.function))
        bench = Bench(
            options=self.options,
            machine=self.machine,
            script_wall_s=observation.wall_s,
            unrecorded_why=_unrecorded_why(observation, recording),
        )
        if process is None:
            return tuple(bench.unmeasured(site, ()) for site in sites), self.machine
        stage = RemoteStage(
            process,
            memory_floor_bytes=min(MEMORY_FLOOR_BYTES, int(MEMORY_FLOOR_SHARE * self.machine.memory_bytes)),
            memory_cap_bytes=self.machine.available_bytes + RESERVED_BYTES,
            native_library=folder_of("threadpoolctl"),
            memory_groups=tuple((group.limit_bytes, str(group.folder)) for group in memory_groups()),
        )
        return bench.measure(sites, stage, self.progress)

    def put_together(
        self,
        observation: Observation,
        recording: Recording | None,
        entries: tuple[SiteAdvice, ...],
        machine: Machine,
        noise: Noise | None,
    ) -> Advice:
        """The advice: what was measured, and the sentence for people."""
        import_s = import_seconds(observation)
        blocked = blocking(observation, recording.sites if recording is not None else ())
        locks = convoys(observation)
        entries, loose = with_findings(entries, locks, blocked, machine)
        answers = [entry.recommendation for entry in entries if entry.trials and entry.recommendation is not None]
        findings = (*loose, *run_findings(observation, import_s=import_s, noise=noise, answers=answers))
        best = None if too_short(observation) else best_site(entries)
        return Advice(
            advisor_version=metadata.version("advisor"),
            created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            target=self.target,
            settings=self.options.settings,
            exit=observation.exit,
            machine=machine,
            baseline=_baseline(observation, import_s),
            cost=self.stopwatch.cost(runs=1 if recording is None else 2),
            verdict=with_lock(verdict(entries, best, observation.exit, findings), locks),
            sites=entries,
            best=best,
            findings=findings,
            functions=() if recording is None else recording.functions,
            noise=noise,
        )


def _unrecorded_why(observation: Observation, recording: Recording | None) -> str:
    if observation.exit.interrupted:
        return "the script was stopped, so its calls could not be recorded and tried"
    if recording is not None and not recording.staged:
        return f"its calls could not be recorded, so nothing could be tried: {recording.unstaged_why}"
    return ""


def _baseline(observation: Observation, import_s: float) -> Baseline:
    totals = observation.totals
    return Baseline(
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
    )
