"""A script's check as coordinates: its interval against the threshold, its runs in order. The template makes SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from advisor.report import words
from advisor.report.chart import Tick, apart, steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from advisor.model.advice import Interval
    from advisor.model.check import Pairs, ScriptCheck

# Units of the drawings: small enough that 14 units of text stay legible on a 360 px screen.
WIDTH, LEFT, RIGHT, TOP = 480, 64, 14, 14
NAMES = 92  # room for the names of the ratios
ROW_HEIGHT, AXIS_HEIGHT = 34, 42
RUNS_HEIGHT = 220
ROOM = 0.08  # of an axis, left free at either end
ARM_SHIFT = 0.12  # of a step between pairs: two dots at one height do not hide each other
FLAT = 0.01  # a share of the middle; the least that an axis of seconds spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One ratio: its height, its place, the ends of its interval."""

    name: str
    y: float
    x: float
    low_x: float
    high_x: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Ratios on a logarithmic axis: half as long is as far from 1 as twice as long; the band is what does not count."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    one_x: float
    band_left: float
    band_right: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One run."""

    x: float
    y: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """The runs of one arm in order and the height of their median."""

    name: str
    dots: tuple[Dot, ...]
    median_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Both arms over the pairs."""

    arms: tuple[Arm, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def of_intervals(check: ScriptCheck) -> Intervals | None:
    """Head over base, and under it base over base where that was taken; None where there is no ratio."""
    if check.ratio is None:
        return None
    ratios = [("head / base", check.ratio)]
    if check.self_test is not None:
        ratios.append(("base / base", check.self_test.ratio))
    limits = (1 / (1 + check.threshold), 1 + check.threshold)
    ends = [*limits, *(end for _, ratio in ratios for end in (ratio.low, ratio.high))]
    scale = _Logarithmic(low=min(ends), high=max(ends))
    return Intervals(
        bars=tuple(_bar(name, ratio, scale, row) for row, (name, ratio) in enumerate(ratios)),
        ticks=scale.ticks(),
        one_x=scale.x(1.0),
        band_left=scale.x(limits[0]),
        band_right=scale.x(limits[1]),
        height=2 * TOP + ROW_HEIGHT * len(ratios) + AXIS_HEIGHT,
    )


def of_runs(pairs: Pairs) -> Runs | None:
    """The seconds of every run; None where nothing ran."""
    if not len(pairs):
        return None
    arms = {
        name: [run.wall_s for run in runs] for name, runs in (("base", pairs.base), ("head", pairs.head))
    }  # fmt: skip
    scale = _Linear.over(len(pairs), (each for walls in arms.values() for each in walls))
    return Runs(
        arms=tuple(scale.arm(name, walls, shift) for (name, walls), shift in zip(arms.items(), (-1, 1), strict=True)),
        x_ticks=scale.x_ticks(),
        y_ticks=scale.y_ticks(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Logarithmic:
    """Ratios from left to right."""

    low: float
    high: float

    def x(self, ratio: float) -> float:
        """Where a ratio stands."""
        span = math.log(self.high / self.low)
        share = ROOM + (1 - 2 * ROOM) * math.log(ratio / self.low) / span
        return NAMES + share * (WIDTH - NAMES - RIGHT)

    def ticks(self) -> tuple[Tick, ...]:
        """Round ratios."""
        found = [each for each in steps(self.low, self.high) if each > 0]
        return apart([Tick(at=self.x(each), text=f"{each:g}x") for each in found])


def _bar(name: str, ratio: Interval, scale: _Logarithmic, row: int) -> Bar:
    return Bar(
        name=name, y=TOP + ROW_HEIGHT * (row + 0.5), x=scale.x(ratio.value), low_x=scale.x(ratio.low),
        high_x=scale.x(ratio.high), label=f"{name}: {words.near_one(ratio)}",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Linear:
    """Pairs from left to right, seconds upwards; the axis of seconds does not begin at zero."""

    count: int
    low_s: float
    high_s: float

    @classmethod
    def over(cls, count: int, walls: Iterable[float]) -> _Linear:
        """The scale that holds all of `walls`."""
        found = list(walls)
        low, high = min(found), max(found)
        room = max(ROOM * (high - low), FLAT * high, 1e-9)
        return cls(count=count, low_s=max(0.0, low - room), high_s=high + room)

    def x(self, pair: float) -> float:
        """Where a pair (from 1) stands; one alone stands in the middle."""
        return LEFT + (pair - 0.5) / self.count * (WIDTH - LEFT - RIGHT)

    def y(self, wall_s: float) -> float:
        """Where so many seconds stand."""
        share = (wall_s - self.low_s) / (self.high_s - self.low_s)
        return RUNS_HEIGHT - AXIS_HEIGHT - share * (RUNS_HEIGHT - AXIS_HEIGHT - TOP)

    def arm(self, name: str, walls: list[float], shift: int) -> Arm:
        """One arm's dots, a little beside the other's."""
        dots = (
            Dot(
                x=self.x(pair + shift * ARM_SHIFT), y=self.y(wall_s),
                label=f"pair {pair}, {name}: {words.seconds(wall_s)}",
            )
            for pair, wall_s in enumerate(walls, start=1)
        )  # fmt: skip
        return Arm(name=name, dots=tuple(dots), median_y=self.y(median(walls)))

    def x_ticks(self) -> tuple[Tick, ...]:
        """Numbers of pairs."""
        found = sorted({max(1, round(each)) for each in steps(0.0, float(self.count))} | {self.count})
        return apart([Tick(at=self.x(each), text=str(each)) for each in found])

    def y_ticks(self) -> tuple[Tick, ...]:
        """Round seconds."""
        return tuple(Tick(at=self.y(each), text=words.seconds(each)) for each in steps(self.low_s, self.high_s))
