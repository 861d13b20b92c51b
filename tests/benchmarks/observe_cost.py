"""How much slower a script runs while `advise` observes it, with one `py-spy` alone beside it.

    python tests/benchmarks/observe_cost.py [--quick] [SAMPLE]...

Every run goes through the same gate, so that the clock starts at the script's first line in all of them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sample_header import SAMPLES, samples
from tabulate import tabulate

from advisor.model.target import Target
from advisor.observe.launch import gate_config, launch
from advisor.observe.recorders import find_pyspy
from advisor.observe.run import observe
from advisor.observe.stdin import keep_stdin

PYSPY_HZ = 100
"""py-spy's own default rate."""
ATTACH_S = 1.0
"""Longer than py-spy takes to attach; the gate is closed meanwhile, so that it costs the script nothing."""
RUNS = ("plain", "observed", "py-spy")
HEADERS = ("sample", "plain, s", "observed / plain", "py-spy alone / plain")


def plain_s(target: Target) -> float:
    """Wall seconds of the script with nobody watching."""
    return _gated_run(target, lambda _: None)


def observed_s(target: Target) -> float:
    """Wall seconds of the script in run 1 of `advise`."""
    return observe(target, keep_stdin()).wall_s


def pyspied_s(target: Target) -> float:
    """Wall seconds of the script under one py-spy with its defaults, not pausing the script."""
    pyspy = find_pyspy()
    if pyspy is None:
        raise RuntimeError("py-spy is not installed")
    with tempfile.TemporaryDirectory() as folder:
        command = [pyspy, "record", "--nonblocking", "--rate", str(PYSPY_HZ), "--output", f"{folder}/profile.svg"]
        watchers: list[subprocess.Popen[bytes]] = []

        def attach(pid: int) -> None:
            watchers.append(
                subprocess.Popen([*command, "--pid", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            with suppress(subprocess.TimeoutExpired):
                watchers[0].wait(ATTACH_S)

        seconds = _gated_run(target, attach)
        watchers[0].wait()
        return seconds


def _gated_run(target: Target, attach: Callable[[int], None]) -> float:
    """Start the interpreter, let `attach` see its process id, open the gate and time the script."""
    launched = launch(target, None)
    try:
        attach(launched.pid)
        launched.open_gate(gate_config(target))
        _, wall_s, _ = launched.wait()
        return wall_s
    finally:
        launched.kill()


_MEASURES: dict[str, Callable[[Target], float]] = {"plain": plain_s, "observed": observed_s, "py-spy": pyspied_s}


def cost_row(name: str, repeats: int) -> tuple[str, float, float, float]:
    """Median plain seconds, and the median of the ratios taken side by side. The order turns with each repeat."""
    sample = SAMPLES / f"{name}.py"
    target = Target(python=sys.executable, script=str(sample), roots=(str(SAMPLES),))
    rounds: list[dict[str, float]] = []
    for turn in range(repeats):
        order = RUNS[turn % len(RUNS) :] + RUNS[: turn % len(RUNS)]
        with _unheard():
            rounds.append({run: _MEASURES[run](target) for run in order})
    plain = statistics.median(seconds["plain"] for seconds in rounds)
    observed = statistics.median(seconds["observed"] / seconds["plain"] for seconds in rounds)
    pyspied = statistics.median(seconds["py-spy"] / seconds["plain"] for seconds in rounds)
    return (name, plain, observed, pyspied)


@contextmanager
def _unheard() -> Iterator[None]:
    """Send the standard output of this process and its children to nowhere."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def main() -> None:
    """Print the table, and the median and the worst ratio over the samples."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("samples", nargs="*", metavar="SAMPLE", help="names of sample workloads (default: all)")
    parser.add_argument("--quick", action="store_true", help="three repeats instead of nine")
    options = parser.parse_args()
    chosen = options.samples or [sample.stem for sample in samples()]
    rows = [cost_row(Path(name).stem, repeats=3 if options.quick else 9) for name in chosen]
    print(tabulate(rows, headers=HEADERS, floatfmt=".3f", tablefmt="github"))
    for column, label in ((2, "observed"), (3, "py-spy alone")):
        ratios = [float(row[column]) for row in rows]
        print(f"{label} / plain: median {statistics.median(ratios):.3f}, worst {max(ratios):.3f}")


if __name__ == "__main__":
    main()
