"""How often the pre-merge check is wrong: false alarms on equal arms, true slowdowns missed; beside other gates.

    python tests/benchmarks/false_alarms.py collect runs.jsonl --minutes 90
    python tests/benchmarks/false_alarms.py judge runs.jsonl

`collect` makes real checks of a script of about 0.5 s, one after the other: most of equal arms, some of a head 10% or
5% slower. Each runs pairs as `advise check` does until these settle it or its 60 s are over, and is kept with all its
runs and the machine's load. `judge` decides on the same runs what the check, and what others' rules, say of them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean, median

from scipy.stats import binomtest, mannwhitneyu
from tabulate import tabulate

from advisor.gate.decide import LEAST_PAIRS, decide, next_look
from advisor.gate.pairs import order
from advisor.observe.plain import Command, Timer

SCRIPT = """
import sys
total = 0
for i in range(int(sys.argv[1])):
    total += i * i % 7
"""
SCRIPT_S = 0.5
BUDGET_S = 60.0
THRESHOLD = 0.03
FALSE_ALARMS = 0.01
TURNS = (0.0, 0.10, 0.0, 0.0, 0.05, 0.0)  # how much slower head is
OTHERS_THRESHOLD = 1.05
ASV_P = 0.002  # asv's default (_stats.is_different)

Arms = tuple[list[float], list[float]]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("collect", "judge"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--slower", type=float, nargs="+", default=TURNS, help="how much slower head is, in turn")
    given = parser.parse_args()
    if given.what == "collect":
        collect(given.file, given.minutes, given.slower)
    else:
        print(table([json.loads(line) for line in given.file.read_text().splitlines()]))


def collect(file: Path, minutes: float, turns: Sequence[float]) -> None:
    """Make checks until the time is over, one line each; what is in the file stays."""
    end_s = time.monotonic() + 60 * minutes
    with Timer() as timer, tempfile.TemporaryDirectory() as name, file.open("a") as kept:
        script = Path(name) / "script.py"
        script.write_text(SCRIPT)

        def run_s(turns: int) -> float:
            command = Command(argv=(sys.executable, str(script), str(turns)), cwd=name)
            _, run = timer.run(command, timeout_s=BUDGET_S)
            assert run is not None
            return run.wall_s

        per_turn_s = median(run_s(2_000_000) for _ in range(9)) / 2_000_000
        for slower in itertools.cycle(turns):
            if time.monotonic() > end_s:
                return
            work = round(SCRIPT_S / per_turn_s)
            base, head = check(lambda arm, n=work, by=slower: run_s(round(n * (1 + by)) if arm == "head" else n))
            kept.write(json.dumps({"slower": slower, "load": os.getloadavg()[0], "base": base, "head": head}) + "\n")
            kept.flush()


def check(run_s: Callable[[str], float]) -> Arms:
    """Pairs until they settle it or the budget is over."""
    runs: dict[str, list[float]] = {"base": [], "head": []}
    begin_s, look = time.monotonic(), next_look(0)
    for arm in order():
        runs[arm].append(run_s(arm))
        pairs = len(runs["head"])
        if len(runs["base"]) != pairs:
            continue
        spent_s = time.monotonic() - begin_s
        if spent_s * (pairs + 1) / pairs > BUDGET_S:
            break
        if pairs == look:
            if decide(runs["base"], runs["head"], threshold=THRESHOLD, false_alarms=FALSE_ALARMS).settled:
                break
            look = next_look(pairs)
    return runs["base"], runs["head"]


def table(checks: Sequence[dict[str, object]]) -> str:
    """What each rule says of the checks, one row a rule."""
    rows = []
    for name, rule in RULES.items():
        said = [(check["slower"], rule(check, checks)) for check in checks]
        rows.append((name, *(_share(said, slower, outcomes) for slower, outcomes in COLUMNS.values())))
    kinds = sorted({check["slower"] for check in checks})
    pairs = {slower: median(len(c["base"]) for c in checks if c["slower"] == slower) for slower in kinds}
    dealt = [(0.0, ours(one_arm, checks)) for one_arm in _of_one_arm(checks)]
    rows.append(("advise check, one arm's runs", *(_share(dealt, *COLUMNS[name]) for name in COLUMNS)))
    head = f"{len(checks)} checks; median pairs: " + ", ".join(f"{k:.0%} slower {v:.0f}" for k, v in pairs.items())
    return head + "\n\n" + tabulate(rows, ("rule", *COLUMNS), "simple")


def _of_one_arm(checks: Sequence[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Shorter checks of equal arms: the runs of each arm of a slower head, in their order, dealt to two in turn."""
    for check in checks:
        for runs in (check["base"], check["head"]) if check["slower"] else ():
            arms = {"base": [], "head": []}
            for seconds, arm in zip(runs, order(), strict=False):
                arms[arm].append(seconds)
            count = min(map(len, arms.values()))
            if count >= LEAST_PAIRS:
                yield {"slower": 0.0, "base": arms["base"][:count], "head": arms["head"][:count]}


def ours(check: dict[str, object], _checks: object) -> str:
    """The decision of `advise check`, look by look."""
    base, head = check["base"], check["head"]
    for pairs in _looks(len(base)):
        last = pairs == len(base)
        found = decide(base[:pairs], head[:pairs], threshold=THRESHOLD, false_alarms=FALSE_ALARMS, final=last)
        if found.settled or last:
            return found.outcome
    raise AssertionError


def by_mean(check: dict[str, object], _checks: object) -> str:
    """pytest-benchmark's --benchmark-compare-fail=mean:5%."""
    return _bare(mean(check["head"]) / mean(check["base"]))


def by_min(check: dict[str, object], _checks: object) -> str:
    """pytest-benchmark's --benchmark-compare-fail=min:5%."""
    return _bare(min(check["head"]) / min(check["base"]))


def by_stored(check: dict[str, object], checks: Sequence[dict[str, object]]) -> str:
    """A number stored by the first check."""
    return _bare(mean(check["head"]) / mean(checks[0]["base"]))


def by_asv(check: dict[str, object], _checks: object) -> str:
    """asv's: medians apart by the factor, and a rank test."""
    base, head = check["base"], check["head"]
    if mannwhitneyu(base, head).pvalue >= ASV_P:
        return "pass"
    return _bare(median(head) / median(base))


def _bare(ratio: float) -> str:
    if ratio > OTHERS_THRESHOLD:
        return "regression"
    return "improvement" if ratio < 1 / OTHERS_THRESHOLD else "pass"


def _looks(most: int) -> Iterator[int]:
    look = next_look(0)
    while look < most:
        yield look
        look = next_look(look)
    yield most


def _share(said: Sequence[tuple[object, str]], slower: float, outcomes: Sequence[str]) -> str:
    """How many of the checks of one kind came out so, with the 95% interval of the share (Clopper and Pearson)."""
    mine = [outcome for by, outcome in said if by == slower]
    if not mine:
        return "-"
    count = sum(outcome in outcomes for outcome in mine)
    interval = binomtest(count, len(mine)).proportion_ci(0.95)
    return f"{count}/{len(mine)} = {count / len(mine):.1%} ({interval.low:.1%}-{interval.high:.1%})"


RULES = {
    "advise check": ours,
    "asv (5%, p < 0.002)": by_asv,
    "pytest-benchmark mean:5%": by_mean,
    "pytest-benchmark min:5%": by_min,
    "stored number, 5%": by_stored,
}
COLUMNS = {
    "equal: false alarms": (0.0, ("regression", "improvement")),
    "equal: inconclusive": (0.0, ("inconclusive",)),
    "5% slower: found": (0.05, ("regression",)),
    "10% slower: found": (0.10, ("regression",)),
}


if __name__ == "__main__":
    main()
