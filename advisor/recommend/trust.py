"""Findings about how far the figures can be trusted (ADV4xx), and about the run as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import median

from advisor.analyse.bound import nature_of
from advisor.analyse.choice import call_s
from advisor.model.advice import Finding
from advisor.model.machine import Machine, Noise
from advisor.model.observation import Observation
from advisor.model.site import Site
from advisor.model.trial import SERIAL, Trial
from advisor.recommend.margins import MIN_SITE_GAIN

REPRESENTATIVE = 2.0
"""Replayed calls within this factor of run 1's time per call count as the same work."""
SHORTEST_S = 5e-6
"""Calling a function costs 0.1 us more from a list of tasks than in the user's loop, and samples charge the call itself
to the caller's line: where both figures are shorter, they are not of the same thing."""
TOO_SHORT_S = 0.2
"""A script shorter than this gives too few samples (200 a second) and little to gain."""
IMPORT_SHARE = 0.5
"""Part of the run spent on imports from which on they are the thing to mend."""
COMPUTES = 0.9
"""Part of a task on the CPU from which on a worker should keep a CPU of its own busy."""
STARVED = 0.7
"""Workers that got less than this of the CPUs they could use had to share them with other programs."""
LONG_TASK_S = 1e-3
LIGHT_BYTES_PER_S = 1e8
"""Only of tasks longer than this, that send less than this, is it certain that handing out did not hold workers up."""
_FASTER = "as if what it waited for were there by now (a warm cache, a connection that stands, a file just read)"
_SLOWER = "as if something that sped it up were gone (a warm cache, a connection, an idle machine)"
_USED_UP = "as if what it works on were used up"
_GONE = {
    "FileNotFoundError": "as a file it needs is gone",
    "NotADirectoryError": "as a folder it needs is gone",
    "ConnectionError": "as its connection is closed",
    "ConnectionRefusedError": "as its server is gone",
    "ConnectionResetError": "as its connection is closed",
    "BrokenPipeError": "as its connection is closed",
    "ChildProcessError": "as the child process it knows is gone",
    "StopIteration": "as the iterator it draws from is used up",
    "EOFError": "as its input is used up",
    "ValueError: I/O operation on closed file": "as its file is closed",
}
"""By the beginning of the error: what a call found gone when it was run again."""
ROUNDS = 2
"""Tasks a worker at least, or idle workers in the last round pass for starved ones."""


def representative(site: Site, trials: Sequence[Trial]) -> bool:
    """False where a serial replay takes less than half or more than twice run 1's time per call.

    The caller then falls back on the prediction.
    """
    ratio = _replay_ratio(site, trials)
    return ratio is None or 1 / REPRESENTATIVE <= ratio <= REPRESENTATIVE


def not_representative(site: Site, trials: Sequence[Trial]) -> Iterable[Finding]:
    """ADV401, with both figures, or the error by which calls show that they cannot be run again."""
    ratio = _replay_ratio(site, trials)
    if ratio is not None and not representative(site, trials):
        why = _FASTER if ratio < 1 else _SLOWER
        yield Finding(
            code="ADV401",
            severity="warning",
            message=f"a replayed call takes {ratio:.2g}x its time in the script, {why}: "
            "trials do not stand for the job",
            evidence={"replay_ratio": ratio, "run_call_s": call_s(site)},
        )
    broken = (trial for trial in trials if trial.mix == SERIAL and trial.outcome in ("failed", "timed_out"))
    error = next((trial.error or "" for trial in broken), None)
    if error is not None:
        why = next((told for name, told in _GONE.items() if error.startswith(name)), _USED_UP)
        yield Finding(
            code="ADV401",
            severity="warning",
            message=f"a call that ran in the script fails when it is run again, {why}: {error}",
            evidence={"error": error},
        )


def starved(site: Site, trials: Sequence[Trial], machine: Machine) -> Trial | None:
    """A trial of processes that did not get the CPUs they had work for, and would have paid if they had."""
    nature = nature_of(site.ledger)
    serial = next((trial for trial in trials if trial.mix == SERIAL and trial.ok), None)
    if serial is None or not nature or nature["python"] + nature["native"] < COMPUTES:
        return None
    task_s = median(serial.wall_s) / serial.tasks
    return next((trial for trial in trials if _got_too_little(trial, task_s, machine)), None)


def _got_too_little(trial: Trial, task_s: float, machine: Machine) -> bool:
    mix, usable = trial.mix, min(trial.mix.workers, machine.cores)
    if not trial.ok or mix.backend != "processes" or usable < 2 or trial.tasks < ROUNDS * mix.workers * mix.chunk:  # noqa: PLR2004
        return False
    wall_s = median(trial.wall_s)
    light = trial.ipc_bytes <= LIGHT_BYTES_PER_S * wall_s and trial.cpu_s >= LONG_TASK_S * trial.tasks
    would_pay = task_s * trial.tasks >= MIN_SITE_GAIN * trial.cpu_s / usable
    return light and would_pay and trial.cpu_s < STARVED * usable * wall_s


def busy_machine(site: Site, trials: Sequence[Trial], machine: Machine) -> Iterable[Finding]:
    """ADV402: workers that were ready to run and did not get the CPUs."""
    trial = starved(site, trials, machine)
    if trial is not None:
        cpus = trial.cpu_s / median(trial.wall_s)
        usable = min(trial.mix.workers, machine.cores)
        yield Finding(
            code="ADV402",
            severity="warning",
            message=f"{trial.mix} got {cpus:.1f} of the {usable} CPUs they could use: other programs kept them busy, "
            "or the workers waited for each other",
            evidence={"mix": str(trial.mix), "cpus": cpus, "usable": usable},
        )


def run_findings(observation: Observation, *, import_s: float = 0.0, noise: Noise | None = None) -> tuple[Finding, ...]:
    """Every coded remark about the run as a whole: imports, noise, the way it was watched, its length."""
    return (*_imports(observation, import_s), *_noise(noise), *_watched(observation), *_length(observation))


def too_short(observation: Observation) -> bool:
    """True where the script ends before enough is seen of it."""
    return observation.wall_s < TOO_SHORT_S


def _replay_ratio(site: Site, trials: Sequence[Trial]) -> float | None:
    """Seconds of a replayed call over one of run 1; None where either is not known, or the pool blurs run 1's."""
    serial = next((trial for trial in trials if trial.mix == SERIAL and trial.ok), None)
    run_s = call_s(site)
    if serial is None or site.calls is None or run_s <= 0:
        return None
    if site.recorded is not None and site.recorded.current is not None:
        return None
    if max(min(serial.wall_s) / serial.tasks, run_s) < SHORTEST_S:
        return None
    return min(serial.wall_s) / serial.tasks / run_s


def _imports(observation: Observation, import_s: float) -> Iterable[Finding]:
    if observation.wall_s > 0 and import_s >= IMPORT_SHARE * observation.wall_s:
        share = import_s / observation.wall_s
        yield Finding(
            code="ADV110",
            severity="info",
            message=f"imports take {import_s:.2f} s, {share:.0%} of the run: no balance of workers changes that",
            evidence={"import_s": import_s, "share": share},
        )


def _noise(noise: Noise | None) -> Iterable[Finding]:
    if noise is not None and noise.too_high:
        yield Finding(
            code="ADV402",
            severity="info",
            message=f"the same work differs by {noise.false_difference:.0%} between two equal arms here, and one turn "
            f"in ten is {noise.spread:.0%} slower: small gains cannot be told on this machine now",
            evidence=asdict(noise),
        )


def _watched(observation: Observation) -> Iterable[Finding]:
    if observation.source != "py-spy":
        note = f" ({observation.source_note})" if observation.source_note else ""
        cure = f"; for finer shares: {observation.source_cure}" if observation.source_cure else ""
        yield Finding(
            code="ADV403",
            severity="warning",
            message=f"py-spy could not watch the script, a sampler inside it did instead{note}{cure}",
            evidence={"source": observation.source, "why": observation.source_note, "cure": observation.source_cure},
        )


def _length(observation: Observation) -> Iterable[Finding]:
    if too_short(observation):
        yield Finding(
            code="ADV404",
            severity="warning",
            message=f"the script ends after {observation.wall_s * 1e3:.0f} ms, too soon to advise on: give it more",
            evidence={"wall_s": observation.wall_s, "needed_s": TOO_SHORT_S, "samples": observation.samples},
        )
