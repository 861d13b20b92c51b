"""How far the recommended mix is from the best one, and how far the usual defaults are.

    python tests/benchmarks/regret.py [--quick] [SAMPLE]...

Regret is time under a mix over time under the best of an exhaustive sweep: 1.00 is the best there is.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from advice_of import REPOSITORY, advise
from sample_header import SAMPLES, read_header
from sweep import duel, mixes, sweep
from tabulate import tabulate
from workloads import load, names

from advisor.model.trial import SERIAL, WorkerMix

DEFAULTS = ("ThreadPoolExecutor()", "ProcessPoolExecutor()", "I/O: threads, CPU: processes")
HEADERS = ("sample", "best", "recommended", "regret", *DEFAULTS, "stay serial")
ROUNDS = 5
QUICK_ROUNDS = 2


def default_mixes(name: str) -> dict[str, WorkerMix]:
    """What people use without measuring, on this machine; the rule of thumb is told what the sample's header says."""
    cpus = os.cpu_count() or 1
    threads = WorkerMix(backend="threads", threads_per_process=min(32, cpus + 4))  # concurrent.futures' own rule
    processes = WorkerMix(backend="processes", processes=cpus)  # likewise
    computes = read_header(SAMPLES / f"{name}.py").bound & {"cpu-bound", "lock-wait"}
    return dict(zip(DEFAULTS, (threads, processes, processes if computes else threads), strict=True))


def recommended_mix(name: str) -> WorkerMix | None:
    """What `advise` answers for the sample's hot function, None where it has no answer."""
    sample = SAMPLES / f"{name}.py"
    site = advise(sample).site_of(read_header(sample).function)
    if site is None:
        return None
    figures = site["recommendation"]
    mix = {key: figures[key] for key in ("backend", "processes", "threads_per_process", "chunk")}
    return WorkerMix(**mix)


def measure(name: str, recommended: WorkerMix, *, quick: bool) -> dict[str, float | str]:
    """Sweep one sample, then measure its best mix, the recommended one and the defaults against each other."""
    workload = load(name)
    usual = default_mixes(name)
    swept = sweep(workload, mixes(len(workload.tasks), quick=quick), 1 if quick else 3)
    best = min(swept, key=swept.__getitem__)
    rivals = dict.fromkeys((best, recommended, *usual.values(), SERIAL))
    seconds = duel(workload, rivals, QUICK_ROUNDS if quick else ROUNDS)
    ratios = {"regret": recommended, **usual, "stay serial": SERIAL}
    shown = {"sample": name, "best": str(best), "recommended": str(recommended)}
    return {**shown, **{label: seconds[mix] / seconds[best] for label, mix in ratios.items()}}


def row_of(name: str, *, quick: bool) -> dict[str, float | str]:
    """Ask `advise`, then measure. Without an answer the script stays as it is, and the row says so."""
    recommended = recommended_mix(name)
    row = measured_apart(name, recommended or SERIAL, quick=quick)
    return row if recommended is not None else {**row, "recommended": "no answer (serial)"}


def measured_apart(name: str, recommended: WorkerMix, *, quick: bool) -> dict[str, float | str]:
    """`measure` in an interpreter of its own, so that no sample meets the servers and thread pools of another."""
    command = [
        sys.executable,
        __file__,
        "--mix",
        json.dumps(_fields(recommended)),
        *(["--quick"] if quick else []),
        name,
    ]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=_environment())
    row: dict[str, float | str] = json.loads(ended.stdout.splitlines()[-1])
    return row


def _fields(mix: WorkerMix) -> dict[str, str | int]:
    return {
        "backend": mix.backend,
        "processes": mix.processes,
        "threads_per_process": mix.threads_per_process,
        "chunk": mix.chunk,
    }


def _environment() -> Mapping[str, str]:
    """Ours, with this checkout's package in reach."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])}


def main() -> None:
    """Print the table, and the median and the worst of each column over the samples."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("samples", nargs="*", metavar="SAMPLE", help=f"any of {', '.join(names())} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer mixes, fewer rounds")
    parser.add_argument("--mix", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    chosen = [Path(name).stem for name in options.samples or names()]
    if options.mix is not None:
        print(json.dumps(measure(chosen[0], WorkerMix(**options.mix), quick=options.quick)))
        return
    rows = [row_of(name, quick=options.quick) for name in chosen]
    print(tabulate([[row[key] for key in HEADERS] for row in rows], headers=HEADERS, floatfmt=".2f", tablefmt="github"))
    for label in ("regret", *DEFAULTS, "stay serial"):
        ratios = [float(row[label]) for row in rows]
        print(f"{label}: median {statistics.median(ratios):.2f}, worst {max(ratios):.2f}")


if __name__ == "__main__":
    main()
