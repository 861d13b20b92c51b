"""What limits a site, judged from its ledger."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from advisor.model.ledger import WAIT_KINDS, Ledger
from advisor.model.site import Bound, BoundName, Detail
from advisor.model.trial import SERIAL, Trial

SAMPLES_NEEDED = 20
"""Below this, one sample is 5% and a share of 70% has a 95% interval of 20 points either side (binomial)."""
FAMILY_SHARE = 0.70
"""One family names the site from here on: removing all the rest would gain at most 1 / 0.7 = 1.4x (Amdahl)."""
COMPUTES_SHARE = 0.90
"""CPU time over wall time of a serial replay from which on its calls wait for nothing."""
CONTENDED_SHARE = 0.50
"""Threads that queue for the GIL longer than they do anything else are held up by it."""
OVERLAP_CPUS = 1.2
"""CPUs kept busy at once from which on work overlapped: holders of one GIL keep 1 busy, and 0.1 with handing it on."""
UNTOLD_SHARE = 0.50
"""With half of the time not told apart, no family can be named."""

WORDS: dict[str, str] = {
    "python": "runs Python code on the CPU",
    "native": "runs native code on the CPU without the GIL",
    "network": "waits on the network",
    "disk": "waits on the disk",
    "sleep": "sleeps",
    "child": "waits for child processes",
    "pipe": "waits on pipes",
    "lock": "waits for locks",
    "gil": "waits for the GIL",
    "other": "is blocked on something that could not be told apart",
}
DETAILS: dict[str, Detail] = {
    "python": "python", "native": "native", "network": "network", "disk": "disk", "sleep": "sleep",
    "child": "child-process", "pipe": "pipe", "lock": "lock", "gil": "gil", "other": "unknown",
}  # fmt: skip
FAMILIES: dict[BoundName, tuple[str, ...]] = {
    "cpu-bound": ("python", "native"),
    "io-wait": WAIT_KINDS,
    "lock-wait": ("lock",),
}


def judge(ledger: Ledger, samples: int, *, threaded: bool = False) -> Bound:
    """Name what limits a site, with the evidence in words.

    `threaded` says that several threads of one process run it today: only then is waiting for the GIL the
    site's own trouble, else it is contention with the rest of the program. Queueing for a CPU never is.
    """
    if samples < SAMPLES_NEEDED:
        return Bound(evidence=f"seen in {samples} samples only, too few to say (needs {SAMPLES_NEEDED})")
    if threaded and ledger.gil >= CONTENDED_SHARE:
        return Bound(bound="lock-wait", detail="gil", evidence=_gil_evidence(ledger, samples))
    nature = nature_of(ledger)
    if not nature or nature["other"] >= UNTOLD_SHARE:
        return Bound(evidence=f"blocked on something that could not be told apart ({samples} samples)")
    return _named(nature, samples)


def judge_replayed(ledger: Ledger, trials: Sequence[Trial]) -> Bound | None:
    """What limits calls that do little but compute when replayed one after the other; None if they wait, or were not.

    For the workers of a process pool: more of them than cores stand in each other's way, and child processes are
    looked at too seldom to tell every wait for the pool's own queue from the task's, or who holds the GIL of one that
    lives for a few looks only. `ledger` tells the latter where the trials could not.
    """
    serial = next((trial for trial in trials if trial.mix == SERIAL and trial.ok), None)
    if serial is None or _cpus_busy(serial) < COMPUTES_SHARE:
        return None
    released = gil_released(trials)
    if released is None:
        released = ledger.native > ledger.python
    top = "native" if released else "python"
    share = min(1.0, _cpus_busy(serial))
    evidence = f"{WORDS[top]} {share:.0%} of its time ({serial.tasks} calls replayed one after the other)"
    return Bound(bound="cpu-bound", detail=DETAILS[top], evidence=evidence)


def gil_released(trials: Sequence[Trial]) -> bool | None:
    """Whether calls that compute did so side by side in the threads of one process; None where trials cannot tell.

    That threads did not is worth something only if processes did: the machine may have had one CPU to give.
    """
    usable = [trial for trial in trials if trial.ok]
    threads = [_cpus_busy(trial) for trial in usable if trial.mix.backend == "threads" and trial.mix.workers > 1]
    processes = [_cpus_busy(trial) for trial in usable if trial.mix.backend == "processes" and trial.mix.workers > 1]
    if threads and max(threads) >= OVERLAP_CPUS:
        return True
    return False if threads and max(processes, default=0.0) >= OVERLAP_CPUS else None


def _cpus_busy(trial: Trial) -> float:
    wall_s = mean(trial.wall_s)
    return trial.cpu_s / wall_s if wall_s > 0 else 0.0


def nature_of(ledger: Ledger) -> dict[str, float]:
    """The ledger without contention (GIL, run queue), scaled back to 1; empty where nothing else was seen.

    What a task is does not depend on how many others it was queueing with on the day it was watched.
    """
    kinds = {kind: getattr(ledger, kind) for kind in WORDS if kind != "gil"}
    total = sum(kinds.values())
    return {kind: share / total for kind, share in kinds.items()} if total > 0 else {}


def _named(nature: dict[str, float], samples: int) -> Bound:
    for bound, kinds in FAMILIES.items():
        share = sum(nature[kind] for kind in kinds)
        if share >= FAMILY_SHARE:
            top = max(kinds, key=lambda kind: nature[kind])
            return Bound(bound=bound, detail=DETAILS[top], evidence=_evidence([(top, share)], samples))
    ranked = sorted(((kind, share) for kind, share in nature.items()), key=lambda pair: -pair[1])
    return Bound(bound="mixed", detail=DETAILS[ranked[0][0]], evidence=_evidence(ranked[:2], samples))


def _evidence(parts: list[tuple[str, float]], samples: int) -> str:
    said = " and ".join(f"{WORDS[kind]} {share:.0%}" for kind, share in parts)
    return f"{said} of its time ({samples} samples)"


def _gil_evidence(ledger: Ledger, samples: int) -> str:
    return f"waits for the GIL {ledger.gil:.0%} of its time ({samples} samples)"
