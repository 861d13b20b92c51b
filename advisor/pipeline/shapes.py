"""The shape of both arms: observed runs in turn, and, of scripts that run in parallel, the advice on each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from math import ceil
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import advisor
from advisor.analyse.profile import profile_of
from advisor.errors import AdvisorError, ObserveError
from advisor.gate.pairs import order
from advisor.model.check import Arm, Pairs
from advisor.model.shape import Profile, Shape, SitePool
from advisor.model.trial import WorkerMix
from advisor.observe.leftovers import end_leftovers
from advisor.observe.run import observe
from advisor.observe.stdin import Seekable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from advisor.model.checkplan import CheckedScript
    from advisor.pipeline.arms import ArmTree
    from advisor.pipeline.pairing import Say

SEEN_S = 4.0
"""Observed time an arm: 400 samples, so that a function's share of 10% is known to 3 points."""
LEAST_PROFILES = 2
MOST_PROFILES = 6
FAMILY_PROFILES = 5
"""The memory of several processes is sampled while they are observed: five profiles an arm show a difference to be more
than chance (1/252), two that do not overlap are chance one time in six."""
OBSERVED_TIMEOUT_FACTOR = 20.0
OBSERVED_TIMEOUT_AT_LEAST_S = 60.0
"""An observed run is stopped after so many times an undisturbed one, at least this."""
TRIALS_S = 10.0
"""Budget of the trials of each arm's advice."""
ADVICE_TIMEOUT_FACTOR = 30.0
ADVICE_TIMEOUT_AT_LEAST_S = 120.0

Shapes = dict[Arm, Shape]


class StrayedError(AdvisorError):
    """Base ran code of head, which a path that the script itself adds can lead to: nothing was compared."""

    def __init__(self, file: str) -> None:
        super().__init__(
            f"base ran head's code, {file}: both arms would be head; give the script paths relative to its own"
        )
        self.file = file


_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from advisor.cli import main; sys.exit(main(sys.argv[1:]))"


def shapes(script: CheckedScript, arms: Mapping[Arm, ArmTree], pairs: Pairs, say: Say) -> tuple[Shapes, list[str]]:
    """Both arms' shapes, and notes on what could not be had."""
    seconds = median(run.wall_s for run in (*pairs.base, *pairs.head))
    notes: list[str] = []
    count = min(MOST_PROFILES, max(LEAST_PROFILES, ceil(SEEN_S / seconds)))
    limit_s = script.timeout_s or max(OBSERVED_TIMEOUT_AT_LEAST_S, OBSERVED_TIMEOUT_FACTOR * seconds)
    profiles = _profiles(script, arms, count, limit_s, say, notes)
    pools: dict[Arm, tuple[SitePool, ...]] = {"base": (), "head": ()}
    if script.mix is not None or any(_parallel(each) for arm in profiles.values() for each in arm):
        for arm, tree in arms.items():
            say(f"advice on {arm}")
            pools[arm] = _pools(script, tree, seconds, notes, arm)
    return {arm: Shape(profiles=tuple(profiles[arm]), pools=pools[arm]) for arm in arms}, notes


def _profiles(  # noqa: PLR0913, PLR0917  # what a run is, how many of it, and whom to tell
    script: CheckedScript, arms: Mapping[Arm, ArmTree], count: int, limit_s: float, say: Say, notes: list[str]
) -> dict[Arm, list[Profile]]:
    """`count` observed runs an arm, more where there are several processes, in the order of pairs."""
    found: dict[Arm, list[Profile]] = {"base": [], "head": []}
    for arm in order():
        if len(found[arm]) < count:
            say(f"observing {arm}, {len(found[arm]) + 1} of {count}")
            try:
                found[arm].append(_observed(script, arms[arm], limit_s, other=arms["head"] if arm == "base" else None))
            except ObserveError as error:
                notes.append(f"{arm} could not be observed, so that nothing is said of its shape: {error.what}")
                return {"base": [], "head": []}
            count = max(count, FAMILY_PROFILES if found[arm][-1].processes > 1 else 0)
        if all(len(each) == count for each in found.values()):
            return found
    raise AssertionError("the order has no end")


def _observed(script: CheckedScript, tree: ArmTree, limit_s: float, *, other: ArmTree | None) -> Profile:
    """One observed run. Raises ObserveError, and StrayedError where it ran code of `other`."""
    descriptor = os.open(tree.stdin(script), os.O_RDONLY)
    try:
        observation = observe(tree.target(script), Seekable(descriptor), timeout_s=limit_s)
    finally:
        os.close(descriptor)
    if observation.exit.interrupted:
        raise KeyboardInterrupt  # the run took it for its own; whoever sent it wants the check to end
    if observation.exit.failed:
        raise ObserveError(f"it failed with exit code {observation.exit.code} where it was observed")
    files = {frame.file for stack in observation.stacks for frame in stack}
    strayed = next((file for file in sorted(files) if other is not None and other.holds(file)), None)
    if strayed is not None:
        raise StrayedError(strayed)
    return profile_of(observation, tree.named)


def _parallel(profile: Profile) -> bool:
    return profile.processes > 1 or profile.threads > 1


def _pools(script: CheckedScript, tree: ArmTree, seconds: float, notes: list[str], arm: Arm) -> tuple[SitePool, ...]:
    """What `advise` says of the arm, run as a program of its own: its folder and environment are the arm's."""
    with tempfile.TemporaryDirectory(prefix="advise-") as name:
        file = Path(name) / "advice.json"
        program = (script.path,) if script.path is not None else ("-m", str(script.module))
        options = ("--json", str(file), "--output", name, "--quiet", "--budget", str(TRIALS_S), "--python", tree.python)
        home = str(Path(advisor.__file__).resolve().parent.parent)
        environment = {**tree.environment, "TMPDIR": name}  # what it leaves where it is killed goes with the folder
        try:
            with open(tree.stdin(script), "rb") as stdin, suppress(subprocess.TimeoutExpired):  # noqa: PTH123  # a device may be
                subprocess.run(
                    [sys.executable, "-E", "-P", "-c", _START, home, *options, *program, *script.argv],
                    cwd=tree.cwd, env=environment, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    check=False, timeout=max(ADVICE_TIMEOUT_AT_LEAST_S, ADVICE_TIMEOUT_FACTOR * seconds),
                )  # fmt: skip
        finally:
            end_leftovers(tree.environment)
        if not file.exists():
            notes.append(f"there is no advice on {arm}, so that nothing is said of its pools")
            return ()
        return tuple(_site_pools(json.loads(file.read_text(encoding="utf-8"))["sites"], tree))


def _site_pools(sites: Iterable[Mapping[str, Any]], tree: ArmTree) -> Iterable[SitePool]:
    """The sites of an advice file (schema advice/1)."""
    for site in sites:
        trials = [trial for trial in site["trials"] if trial["outcome"] == "ok" and trial["wall_s"]]
        sent = [trial["ipc_bytes"] / trial["tasks"] for trial in trials if trial["processes"] > 1 and trial["tasks"]]
        advice = site["recommendation"]
        yield SitePool(
            file=tree.named(site["file"]),
            line=site["line"],
            function=site["function"],
            callee=site["callee"],
            calls=site["calls"],
            current=_mix(site["current"]) if site["current"] else None,
            advised=_mix(advice) if advice and advice["measured"] and advice.get("decided", True) else None,
            speedups=_speedups(trials),
            pickled_bytes=median(sent) if sent else None,
        )


def _mix(found: Mapping[str, Any]) -> WorkerMix:
    return WorkerMix(
        backend=found["backend"], processes=found["processes"], threads_per_process=found["threads_per_process"]
    )


def _speedups(trials: Iterable[Mapping[str, Any]]) -> dict[WorkerMix, tuple[float, float, float]]:
    """Seconds a task of the serial trial over those of each mix: (least, of the medians, most) of the repeats."""
    per_task = [(_mix(trial), [wall_s / trial["tasks"] for wall_s in trial["wall_s"]]) for trial in trials]
    serial = next((seconds for mix, seconds in per_task if mix.backend == "serial"), None)
    if serial is None:
        return {}
    return {
        mix: (min(serial) / max(own), median(serial) / median(own), max(serial) / min(own)) for mix, own in per_task
    }
