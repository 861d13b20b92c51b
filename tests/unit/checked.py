"""Results of a pre-merge check, made by hand: one of every outcome, for the tests of what shows them."""

from __future__ import annotations

from dataclasses import replace

from advisor.model.advice import Interval
from advisor.model.check import (
    CheckResult,
    Instructions,
    Pairs,
    Revision,
    RuleResult,
    Run,
    ScriptCheck,
    SelfTest,
    SiteChange,
    StackChange,
)
from advisor.model.fingerprint import Fingerprint

FINGERPRINT = Fingerprint(
    cpu="Example CPU 3000", cpus=2.0, memory_bytes=8 << 30, system="Linux 6.1", python="CPython 3.11.7", gil=True,
    packages=(("numpy", "2.1.0"), ("requests", "2.32.3")),
)  # fmt: skip
SELF_TEST = SelfTest(
    ratio=Interval(value=1.004, low=0.985, high=1.021), pairs=12, splits=400, alarms=2, bare_alarms=132
)


def run(wall_s: float, peak_rss_bytes: int = 30 << 20) -> Run:
    return Run(
        wall_s=wall_s, cpu_s=wall_s * 0.9, peak_rss_bytes=peak_rss_bytes, voluntary_switches=12,
        involuntary_switches=3,
    )  # fmt: skip


def pairs(base_s: float, head_s: float, count: int = 12) -> Pairs:
    """Runs that differ by one percent of noise."""
    noise = [1 + 0.01 * ((7 * at) % 5 - 2) for at in range(count)]
    return Pairs(
        base=tuple(run(base_s * each) for each in noise), head=tuple(run(head_s * each) for each in reversed(noise))
    )


TIME_OK = RuleResult(
    rule="time", code="ADV501", outcome="ok", level="error", message="runs as long as before: 1.00x (0.99-1.01)",
    threshold="3%", unit="s", base=0.5, head=0.501, ratio=Interval(value=1.002, low=0.99, high=1.013), samples=12,
)  # fmt: skip
TIME_WORSE = replace(
    TIME_OK, outcome="worse", message="runs 1.10x as long as before (1.08-1.12)", head=0.55,
    ratio=Interval(value=1.1, low=1.08, high=1.12),
)  # fmt: skip
MEMORY_WORSE = RuleResult(
    rule="memory", code="ADV502", outcome="worse", level="error", message="takes 2.0x the memory: 60 MB instead of 30",
    threshold="20%", unit="B", base=float(30 << 20), head=float(60 << 20),
    ratio=Interval(value=2.0, low=1.98, high=2.02), samples=12,
)  # fmt: skip
BOUND_SHIFT = RuleResult(
    rule="bound", code="ADV504", outcome="worse", level="warning",
    message="waits 41% of its time, 3% before: most of it is sleep in `fetch`", threshold="20 points", unit="share",
    base=0.03, head=0.41, samples=2,
)  # fmt: skip

PASS = ScriptCheck(
    name="jobs/report.py", file="jobs/report.py", outcome="pass", reason="no change of 3% or more", threshold=0.03,
    budget_s=60.0, spent_s=14.2, pairs=pairs(0.5, 0.501), ratio=TIME_OK.ratio, p_value=0.4, self_test=SELF_TEST,
    rules=(TIME_OK,),
)  # fmt: skip
SLOWER = ScriptCheck(
    name="jobs/import data.py --all", file="jobs/import data.py", outcome="regression",
    reason="1.10x as long as before (1.08-1.12), and 2.0x the memory", threshold=0.03, budget_s=60.0, spent_s=31.0,
    pairs=pairs(0.5, 0.55), ratio=TIME_WORSE.ratio, p_value=0.0004, self_test=SELF_TEST,
    rules=(TIME_WORSE, MEMORY_WORSE, BOUND_SHIFT),
    sites=(
        SiteChange(
            file="jobs/parse.py", line=14, function="parse", base_s=0.20, head_s=0.25, state="python", spread_s=0.004
        ),
        SiteChange(file="jobs/import data.py", line=30, function="main", base_s=0.1, head_s=0.09, state="disk"),
    ),
    stacks=(
        StackChange(
            frames=("<module> (jobs/import data.py)", "main (jobs/import data.py)"), base_s=0.1, head_s=0.09
        ),
        StackChange(
            frames=("<module> (jobs/import data.py)", "main (jobs/import data.py)", "parse (jobs/parse.py)"),
            base_s=0.20, head_s=0.25,
        ),
    ),
    instructions=Instructions(base=1.9e9, head=2.1e9, runs=4),
)  # fmt: skip
FASTER = replace(
    PASS, name="-m tools.index", file="tools/index.py", outcome="improvement",
    reason="takes 0.80x the time (0.78-0.82)", pairs=pairs(0.5, 0.4),
    ratio=Interval(value=0.8, low=0.78, high=0.82), p_value=0.0002,
    rules=(replace(TIME_OK, outcome="better", head=0.4, ratio=Interval(value=0.8, low=0.78, high=0.82)),),
)  # fmt: skip
UNCLEAR = replace(
    PASS, name="noisy.py", file="noisy.py", outcome="inconclusive",
    reason="60 s were not enough to tell a change of 3% from this machine's noise: 1.02x (0.93-1.12)",
    ratio=Interval(value=1.02, low=0.93, high=1.12), p_value=0.2, spent_s=60.3,
    rules=(replace(TIME_OK, outcome="unknown", ratio=Interval(value=1.02, low=0.93, high=1.12)),),
)  # fmt: skip
BROKEN = ScriptCheck(
    name="broken.py", file="broken.py", outcome="could-not-measure", threshold=0.03, budget_s=60.0, spent_s=0.4,
    reason="head failed with exit code 1: ZeroDivisionError: division by zero",
)  # fmt: skip
NEW = ScriptCheck(
    name="new.py", file="new.py", outcome="not-comparable", reason="new in head: base has no such script",
    threshold=0.03, budget_s=60.0, new=True,
)  # fmt: skip

RESULT = CheckResult(
    advisor_version="0.1.0", created="2026-11-26T10:00:00Z",
    base=Revision(
        name="origin/main", commit="0123456789abcdef0123456789abcdef01234567",
        why="merge base of origin/main and HEAD",
    ),
    head=Revision(name="HEAD", commit="fedcba9876543210fedcba9876543210fedcba98", dirty=True),
    fingerprint=FINGERPRINT, scripts=(PASS, SLOWER, FASTER, UNCLEAR, BROKEN, NEW), total_s=142.0,
)  # fmt: skip
CLEAN = replace(RESULT, scripts=(PASS, FASTER))
