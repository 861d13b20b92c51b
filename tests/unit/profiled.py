"""Advice with all that run 1 showed: stacks, threads over time, source, predictions and a change as code."""

from __future__ import annotations

from dataclasses import replace

import builders

from advisor.model.advice import Advice, Finding, Prediction
from advisor.model.machine import Noise
from advisor.model.profile import RunProfile, SourceText, Span, ThreadLine
from advisor.model.shape import FrameName, StackTime
from advisor.model.trial import SERIAL, Trial

FILE = "/home/ada/shop/scraper.py"
SNIPPET = """\
from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(max_workers=16) as pool:
    pages = list(pool.map(fetch, urls))
"""
SOURCE = SourceText(
    file=FILE,
    first=3,
    lines=(
        "", "def fetch(page):", "    # one page of the shop", "    url = base + str(page)",
        "    return urlopen(url).read()", "",
        "def main():", "    urls = range(60)", "    pages = []", "    for url in urls: pages.append(fetch(url))",
        "    print(len(pages))",
    ),
)  # fmt: skip


def own(function: str, line: int, file: str = FILE) -> FrameName:
    return FrameName(file=file, function=function, line=line, own=True)


def library(function: str, file: str = "/usr/lib/python3.11/socket.py", line: int = 706) -> FrameName:
    return FrameName(file=file, function=function, line=line, own=False)


MAIN = (own("<module>", 15), own("main", 12))
STACKS = (
    StackTime(levels=(*MAIN, own("fetch", 7), library("readinto")), states={"network": 5.2, "python": 0.05}),
    StackTime(levels=(*MAIN, own("fetch", 6)), states={"python": 0.1, "gil": 0.05}),
    StackTime(levels=(*MAIN, library("loads", "/opt/venv/lib/python3.11/site-packages/parse/core.py", 4)),
              states={"native": 0.3, "python": 0.1, "runqueue": 0.02}),
    StackTime(levels=(own("<module>", 15),), states={"disk": 0.12}),
)  # fmt: skip
THREADS = (
    ThreadLine(pid=7, tid=7, main=True, spans=(
        Span(start_s=0.0, end_s=0.4, state="python"), Span(start_s=0.4, end_s=0.52, state="disk"),
        Span(start_s=0.52, end_s=5.6, state="network"), Span(start_s=5.6, end_s=6.0, state="native"),
    )),
    ThreadLine(pid=7, tid=8, spans=(
        Span(start_s=0.5, end_s=2.0, state="gil"), Span(start_s=2.0, end_s=3.0, state="lock"),
        Span(start_s=3.5, end_s=4.0, state="pipe"), Span(start_s=4.0, end_s=4.5, state="child"),
        Span(start_s=4.5, end_s=5.0, state="sleep"), Span(start_s=5.0, end_s=5.5, state="runqueue"),
        Span(start_s=5.5, end_s=6.0, state="other"),
    )),
)  # fmt: skip
PROFILE = RunProfile(stacks=STACKS, threads=THREADS, threads_left=3, sources=(SOURCE,))
SWITCHES = Finding(
    code="ADV201", severity="warning", message="32 threads: 1,000 context switches a task, serial 2.1",
    evidence={"mix": "32 threads", "switches_per_task": 1000.0},
)  # fmt: skip
MEMORY = Finding(
    code="ADV202", severity="info", message="2 processes x 8 threads takes 480 MB at its peak",
    evidence={"mix": "2 processes x 8 threads", "peak_pss_bytes": 480_000_000},
)  # fmt: skip


def wait_bound() -> Advice:
    """As `builders.wait_bound`, with everything a report can show of it."""
    plain = builders.wait_bound()
    first, *others = plain.sites
    trials = tuple(_costly(trial) for trial in first.trials)
    predictions = tuple(
        Prediction(mix=each.mix, predicted=min(each.mix.workers, 15) * 0.94, measured=5.5 / sorted(each.wall_s)[1])
        for each in trials
        if each.mix != SERIAL
    )
    entry = replace(
        first, trials=trials, predictions=predictions, findings=(SWITCHES, MEMORY), snippet=SNIPPET
    )  # fmt: skip
    noise = Noise(pairs=6, turn_s=0.1, false_difference=0.004, spread=0.02)
    return replace(plain, sites=(entry, *others), profile=PROFILE, noise=noise)


def _costly(trial: Trial) -> Trial:
    """Threads beyond the advised ones switch much, processes take memory."""
    if trial.mix.workers > 16:
        return replace(trial, voluntary_switches=1000.0 * trial.tasks)
    return replace(trial, peak_pss_bytes=480_000_000) if trial.mix.backend == "hybrid" else trial


def large(stacks: int = 10_000, trials: int = 200, variety: int = 8) -> Advice:
    """A report at its limits: so many different stacks of twenty frames, most of which begin alike, and trials.

    Each level has at most 2 to the `variety` different functions.
    """
    kinds = ("python", "native", "network", "disk", "gil")
    shared = [
        tuple(own(f"level_{depth}_{at % 2 ** min(depth, variety)}", depth + 1) for depth in range(19))
        for at in range(stacks)
    ]
    found = tuple(
        StackTime(levels=(*levels, library(f"leaf_{at}")), states={kinds[at % 5]: 1e-3 * (1 + at % 7)})
        for at, levels in enumerate(shared)
    )
    spans = tuple(Span(start_s=at * 0.02, end_s=(at + 1) * 0.02, state=kinds[at % 5]) for at in range(300))
    lines = tuple(ThreadLine(pid=7, tid=7 + at, main=at == 0, spans=spans) for at in range(32))
    plain = wait_bound()
    mixes = [
        builders.threads(1 + at % 64, 1 + at // 64) if at % 2 else builders.processes(1 + at % 64, 1 + at // 64)
        for at in range(1, trials)
    ]
    many = (builders.trial(SERIAL, 5.5), *(builders.trial(mix, 5.5 / min(mix.workers, 11)) for mix in mixes))
    entry = replace(plain.sites[0], trials=many)
    return replace(
        plain, sites=(entry, *plain.sites[1:]), profile=replace(PROFILE, stacks=found, threads=lines)
    )  # fmt: skip


def hostile(text: str = builders.HOSTILE) -> Advice:
    """`text` in every name that a user's code can bring along, and lines of a megabyte."""
    frame = FrameName(file=text, function=text, line=1, own=True)
    stacks = (StackTime(levels=(frame, replace_own(frame)), states={"python": 1.0}),)
    source = SourceText(file=text, first=1, lines=(text, "x" * 1_000_000, "'" * 1_000_000))
    plain = builders.hostile()
    entry = replace(plain.sites[0], snippet=f"# {text}")
    profile = RunProfile(stacks=stacks, threads=THREADS, sources=(source,))
    return replace(plain, sites=(entry,), profile=profile)


def replace_own(frame: FrameName) -> FrameName:
    """The same name as a library's."""
    return frame._replace(own=False)
