"""How a site scales: what was measured and predicted of each mix, against the number of workers, and where it stops."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from advisor.analyse.choice import call_s, longest_s
from advisor.analyse.scaling import candidates, predict
from advisor.analyse.statistics import ratio_interval
from advisor.model.advice import Advice, Finding, Interval, SiteAdvice
from advisor.model.trial import SERIAL, Trial, WorkerMix
from advisor.recommend.overhead import (
    MEMORY_BYTES,
    MEMORY_RATIO,
    MEMORY_SHARE,
    SWITCH_BASE,
    SWITCH_RATIO,
    switches_per_task,
)
from advisor.recommend.prediction import ERROR
from advisor.report import frames, words

BACKENDS = ("serial", "threads", "processes", "hybrid")
SWITCHES, MEMORY = "ADV201", "ADV202"
LEAST_POINTS = 2  # one point compares with nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A mix: speed-ups are over one worker; None where a figure was not measured or not predicted.

    `error` is that of the prediction, a share; None where there is no trial to hold it against.
    """

    mix: WorkerMix
    speedup: Interval | None = None
    predicted: float | None = None
    error: float | None = None
    switches: float | None = None
    cpu_s: float | None = None
    peak_pss_bytes: int | None = None
    advised: bool = False
    today: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """From how many workers of a backend on a cost is worth a remark, and the figure from which on it is."""

    code: str
    workers: int
    backend: str
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """All that is drawn of one site. `cores` are the usable CPUs; `stop` names what keeps a larger mix from more."""

    points: tuple[Point, ...]
    cores: float
    stop: str
    begins: tuple[Begin, ...]

    @property
    def measured(self) -> bool:
        """True where trials gave speed-ups of more than one number of workers."""
        return len({point.mix.workers for point in self.points if point.speedup is not None}) >= LEAST_POINTS

    @property
    def drawable(self) -> bool:
        """True where there is more than one number of workers to compare, be it by predictions alone."""
        return self.measured or len({point.mix.workers for point in self.points if point.predicted}) >= LEAST_POINTS

    @property
    def advised(self) -> Point | None:
        """The mix that the verdict speaks of."""
        return next((point for point in self.points if point.advised), None)

    @property
    def error(self) -> str:
        """How far predictions were off: of the middle one and of the worst."""
        errors = [abs(point.error) for point in self.points if point.error is not None]
        if not errors:
            return ""
        return f"off by {words.percent(median(errors))} at the median and {words.percent(max(errors))} at the most"


def of(advice: Advice, entry: SiteAdvice) -> Scaling:
    """The trials of `entry` that gave seconds; of several of one backend with as many workers the fastest.

    Where nothing was tried, what run 1 lets expect of mixes, if the advice rests on that.
    """
    usable = [trial for trial in entry.trials if trial.ok and trial.tasks and min(trial.wall_s) > 0]
    serial = next((trial for trial in usable if trial.mix == SERIAL), None)
    points = [_point(trial, serial, entry) for trial in usable]
    stop = words.limit(entry.recommendation) if entry.recommendation is not None and entry.recommendation.limit else ""
    return Scaling(
        points=tuple(_fastest(points or _expected(advice, entry))),
        cores=advice.machine.usable_cpus,
        stop=stop,
        begins=tuple(_begins(entry.findings, usable, serial, advice.machine.available_bytes)),
    )


def document(scaling: Scaling) -> Mapping[str, Any]:
    """What `scaling.js` draws: one list a figure, null where there is none; `workers` is the axis that all share."""
    workers = sorted({point.mix.workers for point in scaling.points} | {1})
    lines = {backend: _line(scaling, backend, workers) for backend in BACKENDS}
    advised = scaling.advised
    return {
        "workers": workers,
        "lines": {backend: line for backend, line in lines.items() if _is_there(line)},
        "cores": words.whole(scaling.cores),
        "stop": scaling.stop,
        "advised": {"workers": advised.mix.workers, "backend": advised.mix.backend} if advised is not None else None,
        "begins": [
            {"code": each.code, "workers": each.workers, "backend": each.backend, "limit": words.whole(each.limit)}
            for each in scaling.begins
        ],
    }


def _point(trial: Trial, serial: Trial | None, entry: SiteAdvice) -> Point:
    told = next((each for each in entry.predictions if each.mix == trial.mix), None)
    return Point(
        mix=trial.mix,
        speedup=_speedup(trial, serial),
        predicted=told.predicted if told is not None else None,
        error=told.error if told is not None else None,
        switches=switches_per_task(trial),
        cpu_s=trial.cpu_s / trial.tasks,
        peak_pss_bytes=trial.peak_pss_bytes,
        advised=_is_advised(trial.mix, entry),
        today=frames.same_workers(trial.mix, frames.today_mix(entry)),
    )


def _is_advised(mix: WorkerMix, entry: SiteAdvice) -> bool:
    advised = entry.recommendation
    return advised is not None and advised.decided and mix == advised.mix


def _expected(advice: Advice, entry: SiteAdvice) -> list[Point]:
    """The law's curve, where the advice is a prediction of a change."""
    site, advised = entry.site, entry.recommendation
    if advised is None or advised.measured or not advised.decided or advised.speedup.value == 1.0 or not site.calls:
        return []
    task_s = call_s(site)
    mixes = dict.fromkeys([*candidates(advice.machine, site.at_once, task_s), advised.mix])
    return [
        Point(
            mix=mix,
            predicted=predict(
                site.ledger, mix, advice.machine, site.at_once, task_s=task_s, longest_s=longest_s(site),
                child_cpus=site.child_cpus,
            ),
            advised=mix == advised.mix,
            today=frames.same_workers(mix, frames.today_mix(entry)),
        )
        for mix in mixes
        if mix.processes == 1 or advised.mix.processes > 1
    ]  # fmt: skip


def _speedup(trial: Trial, serial: Trial | None) -> Interval | None:
    """Seconds a task on one worker over those of `trial`."""
    if serial is None:
        return None
    if trial is serial:
        return Interval(value=1.0, low=1.0, high=1.0)
    return ratio_interval(
        [each / serial.tasks for each in serial.wall_s], [each / trial.tasks for each in trial.wall_s]
    )


def _fastest(points: Sequence[Point]) -> list[Point]:
    """One point a backend and number of workers: the advised one, else the fastest; fewest workers first."""
    best: dict[tuple[str, int], Point] = {}
    for point in points:
        key = point.mix.backend, point.mix.workers
        if key not in best or _rank(point) > _rank(best[key]):
            best[key] = point
    return sorted(best.values(), key=lambda point: (point.mix.workers, BACKENDS.index(point.mix.backend)))


def _rank(point: Point) -> tuple[bool, float, int]:
    speedup = point.speedup.value if point.speedup is not None else point.predicted or 0.0
    return point.advised, speedup, -point.mix.chunk


def _line(scaling: Scaling, backend: str, workers: Sequence[int]) -> Mapping[str, list[float | None]]:
    """The figures of one backend over `workers`; the lines of all others begin at serial's point."""
    found = {point.mix.workers: point for point in scaling.points if point.mix.backend in (backend, "serial")}
    found |= {point.mix.workers: point for point in scaling.points if point.mix.backend == backend}
    if not any(point.mix.backend == backend for point in found.values()):
        found = {}
    ordered = [found.get(each) for each in workers]

    def figures(of: Callable[[Point], float | None]) -> list[float | None]:
        return [_rounded(of(point)) if point is not None else None for point in ordered]

    return {
        "speedup": figures(lambda point: point.speedup.value if point.speedup is not None else None),
        "low": figures(lambda point: point.speedup.low if point.speedup is not None else None),
        "high": figures(lambda point: point.speedup.high if point.speedup is not None else None),
        "predicted": figures(_predicted),
        "predicted_low": figures(lambda point: _granted(point, -ERROR)),
        "predicted_high": figures(lambda point: _granted(point, ERROR)),
        "switches": figures(lambda point: point.switches),
        "cpu": figures(lambda point: point.cpu_s),
        "memory": figures(lambda point: point.peak_pss_bytes),
    }


def _is_there(line: Mapping[str, list[float | None]]) -> bool:
    return any(each is not None for name in ("speedup", "predicted") for each in line[name])


def _predicted(point: Point) -> float | None:
    return 1.0 if point.mix == SERIAL else point.predicted


def _granted(point: Point, error: float) -> float | None:
    """The end of the interval of a prediction that nothing was held against."""
    if point.speedup is not None or point.predicted is None:
        return None
    return point.predicted if point.mix == SERIAL else point.predicted * (1 + error)


def _rounded(value: float | None) -> float | None:
    return words.whole(value) if value is not None and math.isfinite(value) else None


def _begins(findings: Sequence[Finding], usable: Sequence[Trial], serial: Trial | None, free_bytes: int) -> list[Begin]:
    """Of each finding on switches or memory the fewest workers of its backend that are over its limit."""
    if serial is None:
        return []
    found = []
    for finding in findings:
        over = _limits(finding, serial, free_bytes)
        named = next((trial for trial in usable if str(trial.mix) == finding.evidence.get("mix")), None)
        if over is not None and named is not None:
            limit, figure = over
            costly = [trial for trial in usable if trial.mix.backend == named.mix.backend and figure(trial) >= limit]
            first = min([*costly, named], key=lambda trial: trial.mix.workers)
            found.append(Begin(code=finding.code, workers=first.mix.workers, backend=first.mix.backend, limit=limit))
    return found


def _limits(finding: Finding, serial: Trial, free_bytes: int) -> tuple[float, Callable[[Trial], float]] | None:
    """The limit that the finding is raised at, and the figure it is held against."""
    if finding.code == SWITCHES:
        return SWITCH_RATIO * max(switches_per_task(serial), SWITCH_BASE), switches_per_task
    if finding.code == MEMORY and serial.peak_pss_bytes is not None:
        notable = max(MEMORY_RATIO * serial.peak_pss_bytes, serial.peak_pss_bytes + MEMORY_BYTES)
        limit = min(notable, MEMORY_SHARE * free_bytes) if free_bytes > 0 else notable
        return limit, lambda trial: trial.peak_pss_bytes or 0
    return None
