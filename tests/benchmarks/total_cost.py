"""What a whole `advise` costs: its time without the trials, over the script's own time.

    python tests/benchmarks/total_cost.py [--quick] [SAMPLE]...

The trials have a budget of their own and are shown beside it.
"""

from __future__ import annotations

import argparse
import statistics

from advice_of import advise, plain_run_s
from sample_header import SAMPLES, samples
from tabulate import tabulate

BUDGET_S = 10.0
"""Trial budget of every run: the least `advise` takes by itself."""
HEADERS = ("sample", "script alone, s", "advise, s", "of it trials, s", "without trials / script")


def cost_row(name: str, repeats: int) -> tuple[str, float, float, float, float]:
    """The figures of one sample, medians over `repeats` of a plain run and an advice side by side."""
    sample = SAMPLES / f"{name}.py"
    plain, whole, trials, ratios = [], [], [], []
    for _ in range(repeats):
        plain.append(plain_run_s(sample))
        advised = advise(sample, "--budget", str(BUDGET_S))
        whole.append(advised.wall_s)
        trials.append(float(advised.advice["cost"]["replay_s"]))
        ratios.append((whole[-1] - trials[-1]) / plain[-1])
    median = statistics.median
    return (name, median(plain), median(whole), median(trials), median(ratios))


def main() -> None:
    """Print the table, and the median and the worst ratio over the samples."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("samples", nargs="*", metavar="SAMPLE", help="names of sample workloads (default: all)")
    parser.add_argument("--quick", action="store_true", help="once each instead of three times")
    options = parser.parse_args()
    chosen = options.samples or [sample.stem for sample in samples()]
    rows = [cost_row(name, repeats=1 if options.quick else 3) for name in chosen]
    print(tabulate(rows, headers=HEADERS, floatfmt=".2f", tablefmt="github"))
    ratios = [row[-1] for row in rows]
    print(f"\nwithout trials / script: median {statistics.median(ratios):.2f}, worst {max(ratios):.2f}")
    print(f"trial budget {BUDGET_S:.0f} s: most used {max(row[3] for row in rows):.1f} s")


if __name__ == "__main__":
    main()
