"""Findings about what a mix costs (ADV2xx): switches, memory, pickling, start-up, native pools, tiny tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from advisor.analyse.bound import nature_of
from advisor.model.advice import Finding, Recommendation, Severity
from advisor.model.machine import Machine
from advisor.model.site import Site
from advisor.model.trial import SERIAL, Trial
from advisor.recommend.balance import current_mix
from advisor.recommend.memory import USABLE_SHARE

SWITCH_RATIO = 10.0
"""Context switches per task over serial's worth a remark; a pool's own hand-over costs two or three."""
SWITCH_BASE = 1.0
"""Serial computing often switches less than once a task: the ratio is taken against at least this."""
SLOWER = 1.05
"""A mix this much slower than a smaller one costs without gain."""
MEMORY_RATIO = 2.0
"""Peak memory over serial's that is worth a remark."""
MEMORY_BYTES = 100_000_000
"""Less than this above serial's peak is no matter on any machine this runs on."""
MEMORY_SHARE = 0.5
"""Part of the free memory that is worth a warning."""
IPC_SHARE = 0.10
"""Part of a process trial spent pickling that is worth a remark."""
IPC_BYTES_PER_S = 1e9
"""Bytes a second through pickle and a pipe, both ways, where pickling was not timed (copies of large buffers)."""
STARTUP_SHARE = 0.20
"""Part of the time saved that starting the pool takes back."""
NATIVE_SHARE = 0.5
"""Part of a task in native code from which on its library's own threads matter."""
TINY_TASK_S = 1e-3
"""Tasks below this cost about as much to hand out as to do (30 us to a thread, 150 us to a process)."""


def overhead_findings(
    site: Site, trials: Sequence[Trial], recommendation: Recommendation, machine: Machine
) -> Iterable[Finding]:
    """Remarks on the recommended mix, on today's, and on mixes that were tried and cost without gain."""
    usable = [trial for trial in trials if trial.ok]
    serial = next((trial for trial in usable if trial.mix == SERIAL), None)
    if serial is None:
        return
    calls = site.calls or serial.tasks
    chosen = next((trial for trial in usable if trial.mix == recommendation.mix), serial)
    today = next((trial for trial in usable if trial.mix == current_mix(site)), serial)
    yield from _switches(serial, chosen, today, usable, calls)
    yield from _memory(serial, chosen, today, machine)
    yield from _ipc(site, usable, chosen)
    yield from _startup(serial, chosen, calls)
    yield from _native(site, usable, chosen, machine, calls)
    yield from _tiny(serial, chosen, usable, calls)


def switches_per_task(trial: Trial) -> float:
    """Context switches of both kinds, per task."""
    return (trial.voluntary_switches + trial.involuntary_switches) / trial.tasks


def _switches(serial: Trial, chosen: Trial, today: Trial, usable: Sequence[Trial], calls: int) -> Iterable[Finding]:
    """ADV201: a warning where today's mix switches without need, a remark where a larger one than advised did."""
    limit = SWITCH_RATIO * max(switches_per_task(serial), SWITCH_BASE)
    idle = [trial for trial in usable if trial.job_s(calls) >= SLOWER * chosen.job_s(calls) and trial.mix != chosen.mix]
    larger = [trial for trial in idle if trial is today or trial.mix.workers > chosen.mix.workers]
    costly = [trial for trial in larger if switches_per_task(trial) >= limit]
    if not costly:
        return
    worst = today if today in costly else max(costly, key=switches_per_task)
    per_task, base = switches_per_task(worst), switches_per_task(serial)
    slower = worst.job_s(calls) / chosen.job_s(calls)
    yield Finding(
        code="ADV201",
        severity="warning" if worst is today else "info",
        message=f"{worst.mix}: {per_task:,.0f} context switches a task, serial {base:,.1f}, "
        f"and {slower:.2f}x the time of {chosen.mix}",
        evidence={
            "mix": str(worst.mix),
            "switches_per_task": per_task,
            "serial_switches_per_task": base,
            "involuntary_per_task": worst.involuntary_switches / worst.tasks,
            "time_ratio": slower,
            "concerns_current": worst is today,
        },
    )


def _memory(serial: Trial, chosen: Trial, today: Trial, machine: Machine) -> Iterable[Finding]:
    """ADV202: peak memory of the recommended mix, or of today's where that is larger."""
    trial = max((chosen, today), key=lambda trial: trial.peak_pss_bytes or 0)
    peak, base = trial.peak_pss_bytes, serial.peak_pss_bytes
    if peak is None or base is None or trial is serial:
        return
    share = peak / machine.available_bytes if machine.available_bytes > 0 else 0.0
    notable = peak >= MEMORY_RATIO * base and peak - base >= MEMORY_BYTES
    if not notable and share < MEMORY_SHARE:
        return
    severity: Severity = "warning" if share >= MEMORY_SHARE or trial is not chosen else "info"
    if share >= USABLE_SHARE:
        severity = "error"
    yield Finding(
        code="ADV202",
        severity=severity,
        message=f"{trial.mix} takes {peak / 1e6:,.0f} MB at its peak, serial {base / 1e6:,.0f} MB; "
        f"{machine.available_bytes / 1e6:,.0f} MB were free",
        evidence={
            "mix": str(trial.mix),
            "peak_pss_bytes": peak,
            "serial_peak_pss_bytes": base,
            "available_bytes": machine.available_bytes,
            "per_process_bytes": max(0, peak - base) // trial.mix.processes,
        },
    )


def _ipc(site: Site, usable: Sequence[Trial], chosen: Trial) -> Iterable[Finding]:
    """ADV203: pickling eats a notable part of a process trial, whether that is why it lost or despite which it won."""
    sent = [trial for trial in usable if trial.mix.processes > 1 and trial.ipc_bytes > 0]
    if not sent:
        return
    trial = chosen if chosen in sent else min(sent, key=lambda trial: min(trial.wall_s) / trial.tasks)
    pickled_s = site.recorded.pickle_s * trial.tasks if site.recorded is not None else 0.0
    ipc_s = max(pickled_s, trial.ipc_bytes / IPC_BYTES_PER_S)
    share = min(1.0, ipc_s / min(trial.wall_s))
    if share >= IPC_SHARE:
        yield Finding(
            code="ADV203",
            severity="warning" if trial is chosen else "info",
            message=f"{trial.mix} send {trial.ipc_bytes / trial.tasks / 1e3:,.1f} kB a task between processes"
            f"{_with_self(site)}: about {share:.0%} of the trial",
            evidence={
                "mix": str(trial.mix),
                "ipc_bytes_per_task": trial.ipc_bytes / trial.tasks,
                "ipc_s": ipc_s,
                "share": share,
            },
        )


def _with_self(site: Site) -> str:
    """The object that a bound method takes along, each time anew."""
    bound = site.recorded is not None and "self" in site.recorded.revisited
    return f", the object of {site.callee} each time" if bound else ""


def _startup(serial: Trial, chosen: Trial, calls: int) -> Iterable[Finding]:
    """ADV204: starting the pool takes back a notable part of what it saves."""
    saved_s = serial.job_s(calls) - chosen.job_s(calls) + chosen.startup_s
    if chosen.mix != SERIAL and saved_s > 0 and chosen.startup_s >= STARTUP_SHARE * saved_s:
        yield Finding(
            code="ADV204",
            severity="info",
            message=f"starting {chosen.mix} takes {chosen.startup_s * 1e3:,.0f} ms, "
            f"{chosen.startup_s / saved_s:.0%} of the time it saves: start the pool once and keep it",
            evidence={"mix": str(chosen.mix), "startup_s": chosen.startup_s, "saved_s": saved_s},
        )


def _native(site: Site, usable: Sequence[Trial], chosen: Trial, machine: Machine, calls: int) -> Iterable[Finding]:
    """ADV205: workers times the native library's own threads exceed the cores; what one such thread each comes to."""
    pools = [pool for pool in machine.native_pools if pool.threads > 1]
    native = nature_of(site.ledger).get("native", 0.0)
    workers = max([trial.mix.workers for trial in usable], default=1)
    limited = any(trial.mix.native_threads for trial in usable)
    if not pools or not (limited or native >= NATIVE_SHARE) or workers < 2:  # noqa: PLR2004  # one shares with nobody
        return
    pool = max(pools, key=lambda pool: pool.threads)
    unlimited = chosen.mix.workers * pool.threads > machine.cores and not chosen.mix.native_threads
    message = (
        f"{pool.library} runs {pool.threads} threads of its own on {machine.cores} cores: {workers} workers make "
        f"{workers * pool.threads}{_with_one_each(usable, calls, pool.library)}"
    )
    yield Finding(
        code="ADV205",
        severity="warning" if unlimited and chosen.mix != SERIAL else "info",
        message=message,
        evidence={
            "library": pool.library, "threads": pool.threads, "workers": workers, "cores": machine.cores,
            "setting": f"{native_setting(pool.library)}=1",
        },
    )  # fmt: skip


def _with_one_each(usable: Sequence[Trial], calls: int, library: str) -> str:
    """What the trials show of workers with one native thread each, against the same workers without that limit."""
    limited = [trial for trial in usable if trial.mix.native_threads]
    serial = next(trial for trial in usable if trial.mix == SERIAL)
    if not limited:
        return f"; {native_setting(library)}=1 gives each worker one"
    best = min(limited, key=lambda trial: trial.job_s(calls))
    freely = next((each for each in usable if each.mix == replace(best.mix, native_threads=0)), None)
    told = f"{serial.job_s(calls) / best.job_s(calls):.2f}x with {native_setting(library)}=1 (last digits may differ)"
    if freely is not None:
        told = f"{serial.job_s(calls) / freely.job_s(calls):.2f}x as it is, {told}"
    return f"; {replace(best.mix, native_threads=0, chunk=1)} came to {told}"


def native_setting(library: str) -> str:
    """The environment variable that limits a library's own threads, by the library's documentation."""
    return {"openblas": "OPENBLAS_NUM_THREADS", "mkl": "MKL_NUM_THREADS", "blis": "BLIS_NUM_THREADS"}.get(
        library, "OMP_NUM_THREADS"
    )


def _tiny(serial: Trial, chosen: Trial, usable: Sequence[Trial], calls: int) -> Iterable[Finding]:
    """ADV206: handing a task out costs more than doing it."""
    task_s = min(serial.wall_s) / serial.tasks
    parallel = [trial for trial in usable if trial.mix != SERIAL]
    if task_s >= TINY_TASK_S or not parallel:
        return
    best = min(parallel, key=lambda trial: trial.job_s(calls))
    over_s = max(0.0, min(best.wall_s) / best.tasks - task_s)
    cure = f"hand out chunks of {chosen.mix.chunk}" if chosen.mix.chunk > 1 else "make each task larger"
    yield Finding(
        code="ADV206",
        severity="info",
        message=f"a task takes {task_s * 1e6:,.1f} us, handing it to {best.mix} adds {over_s * 1e6:,.1f} us: {cure}",
        evidence={"task_s": task_s, "overhead_s": over_s, "mix": str(best.mix), "chunk": best.mix.chunk},
    )
