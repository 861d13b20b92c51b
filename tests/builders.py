"""Advice built by hand, one of each kind a report must show; figures are round, so that a test can name them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.model.advice import Advice, Baseline, Cost, Finding, Interval, Recommendation, SiteAdvice
from advisor.model.ledger import Ledger
from advisor.model.machine import Machine, NativePool
from advisor.model.recording import Effect, FunctionCount, RecordedSite
from advisor.model.site import Bound, Line, Safety, Site
from advisor.model.target import ScriptExit, Target
from advisor.model.trial import SERIAL, Trial, WorkerMix

if TYPE_CHECKING:
    from collections.abc import Callable

MB = 1_000_000
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\u202eevil\x1b[31m\udc80\n{{7*7}}"


def threads(count: int, chunk: int = 1) -> WorkerMix:
    """A mix of threads."""
    return WorkerMix(backend="threads", threads_per_process=count, chunk=chunk)


def processes(count: int, chunk: int = 1) -> WorkerMix:
    """A mix of processes."""
    return WorkerMix(backend="processes", processes=count, chunk=chunk)


def hybrid(process_count: int, thread_count: int) -> WorkerMix:
    """A mix of processes with threads in each."""
    return WorkerMix(backend="hybrid", processes=process_count, threads_per_process=thread_count)


def trial(mix: WorkerMix, median_s: float, *, tasks: int = 60, **fields: object) -> Trial:
    """A trial of three repeats, 2% apart on either side of `median_s`."""
    turn = mix.workers // 2 % 3  # mixes do not drift together
    repeats = (median_s, median_s * 0.98, median_s * 1.02)
    figures = {"wall_s": repeats[turn:] + repeats[:turn], "cpu_s": 0.12, "peak_pss_bytes": 24 * MB}
    figures |= {"voluntary_switches": 2.0 * tasks, "involuntary_switches": 0.1 * tasks, "ipc_bytes": 0} | fields
    return Trial(mix=mix, tasks=tasks, **figures)  # type: ignore[arg-type]


def failed_trial(mix: WorkerMix, outcome: str, error: str) -> Trial:
    """A trial without usable seconds."""
    return Trial(mix=mix, tasks=60, wall_s=(), outcome=outcome, error=error)  # type: ignore[arg-type]


def recommendation(mix: WorkerMix, value: float, script: float, **fields: object) -> Recommendation:
    """A recommendation whose intervals are 5% on either side."""
    spans = [Interval(value=each, low=each * 0.95, high=each * 1.05) for each in (value, script)]
    figures = {"measured": True, "reason": "fewest workers within 5% of the best", "limit": "tasks"} | fields
    return Recommendation(mix=mix, speedup=spans[0], script_speedup=spans[1], **figures)  # type: ignore[arg-type]


def recorded(**fields: object) -> RecordedSite:
    """What run 2 knows of the site `fetch` at scraper.py:12."""
    figures: dict[str, object] = {"id": "s1", "file": "/home/ada/shop/scraper.py", "line": 12, "end_line": 12}
    figures |= {"column": 15, "function": "main", "callee": "fetch", "calls": 60, "sampled": 60} | fields
    return RecordedSite(**figures)  # type: ignore[arg-type]


def site(**fields: object) -> Site:
    """The site `fetch` at scraper.py:12: it waits on the network 97% of its time."""
    file = "/home/ada/shop/scraper.py"
    figures: dict[str, object] = {"id": "s1", "file": file, "line": 12, "function": "main", "callee": "fetch"}
    figures |= {"kind": "call", "calls": 60, "wall_s": 5.58, "share": 0.93}
    figures |= {"ledger": Ledger(python=0.02, native=0.01, network=0.97), "recorded": recorded()}
    figures |= {"bound": Bound(bound="io-wait", detail="network", evidence="waits on the network 97% of its time")}
    figures |= {"safety": Safety(status="safe", reasons=("no shared state changed in 60 calls",)), "lines": LINES}
    return Site(**(figures | fields))  # type: ignore[arg-type]


def advice(verdict: str, *entries: SiteAdvice, **fields: object) -> Advice:
    """An advice on scraper.py with `entries`, the first one the best."""
    figures: dict[str, object] = {"advisor_version": "0.1.0", "created": "2026-11-22T10:00:00+00:00"}
    figures |= {"target": TARGET, "exit": ScriptExit(), "machine": MACHINE, "baseline": BASELINE, "cost": COST}
    figures |= {"sites": entries, "best": entries[0].site.id if entries else None, "functions": FUNCTIONS}
    return Advice(verdict=verdict, **(figures | fields))  # type: ignore[arg-type]


TARGET = Target(python="/usr/bin/python3", script="scraper.py", argv=("--pages", "60"), roots=("/home/ada/shop",))
MACHINE = Machine(
    cpus=4, usable_cpus=2.0, memory_bytes=8_000 * MB, available_bytes=6_000 * MB, python="3.11.7",
    platform="Linux-6.1-x86_64", native_pools=(NativePool(library="openblas", threads=2),),
)  # fmt: skip
BASELINE = Baseline(
    wall_s=6.0, cpu_s=0.31, import_s=0.12, peak_pss_bytes=24 * MB, voluntary_switches=180, involuntary_switches=7,
    runqueue_s=0.01, samples=3600, sample_errors=2,
)  # fmt: skip
COST = Cost(runs=2, observe_s=6.2, record_s=6.4, replay_s=10.1, total_s=23.4)
FUNCTIONS = (
    FunctionCount(file="/home/ada/shop/scraper.py", line=5, function="fetch", calls=60),
    FunctionCount(file="/home/ada/shop/scraper.py", line=1, function="main", calls=1),
)
LINES = (
    Line(file="/home/ada/shop/scraper.py", line=7, hits=60, time_s=5.4, share=0.97, source="line_profiler",
         text="    return urlopen(url).read()"),
    Line(file="/home/ada/shop/scraper.py", line=6, hits=None, time_s=0.17, share=0.03, source="py-spy",
         text="    url = base + str(page)"),
)  # fmt: skip


def wait_bound() -> Advice:
    """Network-bound, measured: 16 threads."""
    trials = (
        trial(SERIAL, 5.5, tasks=60), trial(threads(4), 1.4, startup_s=0.001), trial(threads(16), 0.5, startup_s=0.002),
        trial(threads(32), 0.49, startup_s=0.004), trial(processes(2), 2.8, startup_s=0.05, ipc_bytes=120_000),
        trial(hybrid(2, 8), 0.52, startup_s=0.06, peak_pss_bytes=48 * MB),
    )  # fmt: skip
    snippet = (
        "from concurrent.futures import ThreadPoolExecutor\n\n"
        "with ThreadPoolExecutor(max_workers=16) as pool:\n    results = list(pool.map(fetch, urls))"
    )
    advised = recommendation(threads(16), 11.0, 5.8)
    entry = SiteAdvice(site=site(), trials=trials, recommendation=advised, snippet=snippet)
    verdict = (
        "Run `fetch` (scraper.py:12) on 16 threads: 11.0x faster (10.5-11.6), the script 5.8x; "
        "it waits on the network 97% of its time"
    )
    parse = site(id="s2", line=20, callee="parse", share=0.04, wall_s=0.24, ledger=Ledger(python=1.0), lines=(),
                 bound=Bound(bound="cpu-bound", detail="python"), recorded=None, calls=None)  # fmt: skip
    return advice(verdict, entry, SiteAdvice(site=parse))


def predicted() -> Advice:
    """Calls that write: nothing replayed, the figures predicted."""
    effects = (Effect(kind="database", detail="INSERT INTO orders", times=60),)
    held = site(
        safety=Safety(status="withheld", reasons=("each call writes to a database",)),
        recorded=recorded(effects=effects),
    )
    withheld = Finding(code="ADV303", severity="warning", message="replay withheld: fetch writes to a database",
                       evidence={"effects": ["INSERT INTO orders"], "times": 60})  # fmt: skip
    advised = recommendation(threads(8), 7.0, 4.0, measured=False, reason="predicted from the wait ledger")
    entry = SiteAdvice(site=held, recommendation=advised, findings=(withheld,))
    return advice("Run `fetch` (scraper.py:12) on 8 threads: predicted 7.0x, not measured", entry)


def serial_stays() -> Advice:
    """Each result feeds the next call: serial is the answer."""
    chained = site(
        callee="step", ledger=Ledger(python=1.0),
        bound=Bound(bound="cpu-bound", detail="python", evidence="on the CPU"),
        safety=Safety(status="dependent", reasons=("59 of 60 calls take an earlier call's result",)),
    )  # fmt: skip
    kept = Recommendation(
        mix=SERIAL, speedup=Interval(value=1, low=1, high=1), script_speedup=Interval(value=1, low=1, high=1),
        measured=True, reason="each call needs the result of the one before",
    )  # fmt: skip
    found = Finding(code="ADV301", severity="info", message="59 of 60 calls take an earlier call's result")
    entry = SiteAdvice(site=chained, trials=(trial(SERIAL, 5.5),), recommendation=kept, findings=(found,))
    return advice("Leave `step` (scraper.py:12) serial: each call needs the result of the one before", entry)


def unmeasured() -> Advice:
    """A loop without calls: nothing to try, so it stays."""
    loop = site(kind="inline", callee="(loop)", calls=None, recorded=None, lines=LINES[1:])
    why = "the work is done in place, not in calls that workers could share"
    kept = recommendation(SERIAL, 1.0, 1.0, measured=False, reason=why, limit="")
    return advice(f"Stay serial: {why}", SiteAdvice(site=loop, recommendation=kept))


def pool_change() -> Advice:
    """A thread pool of 64 on CPU work today; two processes are better, one trial failed."""
    pool = site(kind="pool", callee="work", recorded=recorded(kind="pool", callee="work", current=threads(64)),
                ledger=Ledger(python=0.3, gil=0.7), bound=Bound(bound="lock-wait", detail="gil"))  # fmt: skip
    trials = (
        trial(SERIAL, 4.0), trial(threads(64), 4.4, voluntary_switches=60_000.0),
        trial(processes(2, chunk=4), 2.1, ipc_bytes=6_000_000, peak_pss_bytes=80 * MB),
        failed_trial(processes(4), "timed_out", "killed after 20 s"),
    )  # fmt: skip
    said = "1,000 context switches a task on 64 threads, 2 on 2 processes"
    switches = Finding(code="ADV201", severity="warning", message=said, evidence={"per_task": 1000, "tasks": 60})
    advised = recommendation(
        processes(2, chunk=4), 2.1, 1.9, limit="cores", reason="the GIL lets one thread run at a time"
    )
    snippet = "with ProcessPoolExecutor(max_workers=2) as pool:\n" + "".join(
        f"    results += pool.map(work, numbers[{at}::9], chunksize=4)\n" for at in range(9)
    )
    entry = SiteAdvice(site=pool, trials=trials, recommendation=advised, findings=(switches,), snippet=snippet)
    return advice("Run `work` (scraper.py:12) on 2 processes instead of 64 threads: 2.1x faster (2.0-2.2)", entry)


def inconclusive() -> Advice:
    """Noise hides the difference."""
    trials = (trial(SERIAL, 5.5, wall_s=(4.0, 5.5, 9.0)), trial(threads(2), 5.0, wall_s=(3.5, 5.0, 8.0)))
    unsure = recommendation(SERIAL, 1.0, 1.0, decided=False, reason="repeats differ by more than the mixes do")
    noisy = Finding(
        code="ADV402", severity="error", message="repeats of one mix spread over 45%", evidence={"spread": 0.45}
    )
    entry = SiteAdvice(site=site(), trials=trials, recommendation=unsure, findings=(noisy,))
    return advice("Inconclusive: this machine is too noisy to tell the mixes apart", entry)


def script_failed() -> Advice:
    """The script raised half-way; what ran is still advised on."""
    whole = wait_bound()
    failed = "The script failed with exit code 1 (ValueError: bad page); from what ran: "
    return replace(whole, verdict=failed + whole.verdict, exit=ScriptExit(code=1, error="ValueError: bad page"))


def interrupted() -> Advice:
    """Ctrl-C in run 1: what was seen, no trials."""
    seen = replace(nothing_hot(), sites=(SiteAdvice(site=site(calls=None, recorded=None, lines=())),))
    return replace(
        seen, verdict="Stopped before its end; from what ran: no advice", exit=ScriptExit(code=130, interrupted=True)
    )


def nothing_hot() -> Advice:
    """Too short to advise."""
    short = Finding(
        code="ADV404", severity="warning", message="the script ran 0.005 s; too short to see where time goes"
    )
    return advice("Nothing to advise: the script ran 5 ms", findings=(short,), functions=())


def hostile() -> Advice:
    """Every text a user's code can reach holds markup, quotes, reordering marks, escapes and a lone surrogate."""
    line = Line(file=HOSTILE, line=1, hits=1, time_s=1.0, share=1.0, source="py-spy", text=HOSTILE)
    bad = site(file=HOSTILE, function=HOSTILE, callee=HOSTILE, lines=(line,),
               bound=Bound(bound="mixed", evidence=HOSTILE),
               safety=Safety(status="unknown", reasons=(HOSTILE,)))  # fmt: skip
    found = Finding(code="ADV304", severity="error", message=HOSTILE, evidence={HOSTILE: HOSTILE})
    broken = failed_trial(threads(2), "failed", HOSTILE)
    entry = SiteAdvice(site=bad, trials=(trial(SERIAL, 1.0), broken), findings=(found,),
                       recommendation=recommendation(SERIAL, 1.0, 1.0, reason=HOSTILE), snippet=HOSTILE)  # fmt: skip
    target = Target(python=HOSTILE, script=HOSTILE, argv=(HOSTILE,))
    return replace(advice(HOSTILE, entry, findings=(found,)), target=target, exit=ScriptExit(code=1, error=HOSTILE))


KINDS: dict[str, Callable[[], Advice]] = {
    each.__name__: each
    for each in (
        wait_bound, predicted, serial_stays, unmeasured, pool_change, inconclusive, script_failed, interrupted,
        nothing_hot, hostile,
    )
}  # fmt: skip
