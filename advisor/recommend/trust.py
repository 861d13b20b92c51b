"""Findings about how far the figures can be trusted (ADV4xx), and about the run as a whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import median

from advisor.analyse.bound import nature_of
from advisor.analyse.choice import call_s
from advisor.model.advice import Finding, Recommendation
from advisor.model.machine import Machine, Noise
from advisor.model.observation import Observation
from advisor.model.site import Site
from advisor.model.trial import SERIAL, Trial
from advisor.recommend.margins import MIN_SITE_GAIN

REPRESENTATIVE = 2.0
"""Replayed calls within this factor of run 1's time per call count as the same work."""
MODULE_NAMES = 2.5
"""A loop over names of a module was measured 2 to 4 times slower than over those of a function (CPython 3.11)."""
NAMES_WORTH = 0.8
"""A gain of this much by moving a loop into a function is worth telling."""
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
CLEAR = 1.3
"""A gain that is this large at the least is none of the machine's noise."""
LONG_TASK_S = 1e-3
LIGHT_BYTES_PER_S = 1e8
"""Only of tasks longer than this, that send less than this, is it certain that handing out did not hold workers up."""
_FASTER = "as if what it waited for were there by now (a warm cache, a connection that stands, a file just read)"
_SLOWER = "as if something that sped it up were gone (a warm cache, a connection, an idle machine)"
_USED_UP = "as if what it works on were used up"
_AWAITED = "as if it waited for something that came once (another thread, an answer, a lock let go of)"
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
_GONE_WITHIN = {
    "Connection refused": "as its server is gone",
    "Connection reset": "as its connection is closed",
    "No such file": "as a file it needs is gone",
    "closed": "as its file or connection is closed",
}
"""The same by a part of the error, for what libraries wrap in errors of their own."""
ROUNDS = 2
"""Tasks a worker at least, or idle workers in the last round pass for starved ones."""


def representative(site: Site, trials: Sequence[Trial]) -> bool:
    """False where a serial replay takes less than half or more than twice run 1's time per call.

    The caller then falls back on the prediction.
    """
    ratio = _replay_ratio(site, trials)
    least = 1 / (REPRESENTATIVE * MODULE_NAMES if is_of_module(site) else REPRESENTATIVE)
    return ratio is None or least <= ratio <= REPRESENTATIVE


def is_of_module(site: Site) -> bool:
    """True for a loop that stands in no function: its turns, replayed as a function, have faster names."""
    return site.kind == "loop" and site.function == "<module>"


def module_names(site: Site, trials: Sequence[Trial]) -> Iterable[Finding]:
    """ADV207: what a loop gains by standing in a function, whatever runs it."""
    ratio = _replay_ratio(site, trials)
    if ratio is not None and is_of_module(site) and representative(site, trials) and ratio <= NAMES_WORTH:
        yield Finding(
            code="ADV207",
            severity="info",
            message=f"in a function a turn of this loop takes {ratio:.2f}x its time here: names of a module are looked "
            "up anew each time, those of a function are not; speed-ups are told without this gain",
            evidence={"replay_ratio": ratio, "run_call_s": call_s(site)},
        )


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
    for trial in list(broken)[:1]:
        error = trial.error or ""
        failed = f"fails when it is run again, {_why_gone(error)}: {error}"
        ended = failed if trial.outcome == "failed" else f"does not come to an end when it is run again, {_AWAITED}"
        yield Finding(
            code="ADV401",
            severity="warning",
            message=f"a call that ran in the script {ended}",
            evidence={"error": error},
        )


def _why_gone(error: str) -> str:
    """What a call found gone, by its error."""
    begun = (told for name, told in _GONE.items() if error.startswith(name))
    within = (told for part, told in _GONE_WITHIN.items() if part in error)
    return next(itertools.chain(begun, within, [_USED_UP]))


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


def run_findings(
    observation: Observation,
    *,
    import_s: float = 0.0,
    noise: Noise | None = None,
    answers: Iterable[Recommendation] = (),
) -> tuple[Finding, ...]:
    """Every coded remark about the run as a whole: imports, noise, the way it was watched, its length.

    `answers` are the recommendations that rest on trials.
    """
    return (*_imports(observation, import_s), *_noise(noise, answers), *_watched(observation), *_length(observation))


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


def _noise(noise: Noise | None, answers: Iterable[Recommendation]) -> Iterable[Finding]:
    """ADV402, where an answer is open, or so close that the machine's noise may have made it."""
    close = any(not each.decided or each.speedup.low < CLEAR for each in answers)
    if noise is not None and noise.too_high and close:
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
