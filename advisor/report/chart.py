"""Speed-up over workers as coordinates of a drawing; the template turns them into SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from advisor.report import frames

# Units of the drawing: small enough that 14 units of text stay legible on a 360 px screen.
WIDTH, HEIGHT = 480, 260
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 14, 42
Y_TICKS = 4  # about so many grid lines
TICK_GAP = 26  # two figures of three digits do not touch
NICE_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A trial: its place, the ends of its 95% interval, and what it says."""

    x: float
    y: float
    low_y: float
    high_y: float
    label: str
    recommended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The points of one backend, fewest workers first."""

    backend: str
    points: tuple[Point, ...]

    @property
    def path(self) -> str:
        """The points as an SVG points list."""
        return " ".join(f"{point.x:.1f},{point.y:.1f}" for point in self.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """All there is to draw; `one_y` is the height of a speed-up of 1."""

    series: tuple[Series, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    one_y: float


def of_trials(trials: pd.DataFrame) -> Chart | None:
    """The chart of a table made by `frames.trials`; None where there are fewer than two points to compare.

    Of several trials of one backend with as many workers (chunks, splits) the fastest is drawn.
    """
    usable = trials[trials["speedup"].notna()]
    if len(usable) < 2:  # noqa: PLR2004  # one point compares with nothing
        return None
    best = usable.sort_values("speedup", ascending=False, kind="stable").drop_duplicates(["backend", "workers"])
    scale = _Scale(most_workers=int(best["workers"].max()), top=_top(best))
    series = [
        Series(backend=str(backend), points=tuple(scale.point(row) for row in frames.rows(group)))
        for backend, group in best.sort_values("workers").groupby("backend", sort=False)
    ]
    workers = sorted({int(each) for each in best["workers"]})
    return Chart(
        series=tuple(series),
        x_ticks=apart([Tick(at=scale.x(each), text=str(each)) for each in workers]),
        y_ticks=tuple(Tick(at=scale.y(each), text=f"{each:g}x") for each in steps(0.0, scale.top)),
        one_y=scale.y(1.0),
    )


def apart(ticks: list[Tick]) -> tuple[Tick, ...]:
    """The ticks from the last one down, without those that would touch the one before."""
    kept: list[Tick] = []
    for tick in reversed(ticks):
        if not kept or kept[-1].at - tick.at >= TICK_GAP:
            kept.append(tick)
    return tuple(reversed(kept))


def steps(low: float, high: float) -> list[float]:
    """Round figures from `low` up to `high`, which is over it."""
    rough = (high - low) / Y_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in NICE_STEPS if nice * power >= rough)
    return [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Workers on a logarithmic axis, speed-ups on a linear one from 0."""

    most_workers: int
    top: float

    def x(self, workers: int) -> float:
        """Where so many workers stand."""
        span = math.log2(self.most_workers) or 1.0
        return LEFT + math.log2(workers) / span * (WIDTH - LEFT - RIGHT)

    def y(self, speedup: float) -> float:
        """Where a speed-up stands."""
        return HEIGHT - BOTTOM - speedup / self.top * (HEIGHT - TOP - BOTTOM)

    def point(self, row: frames.Row) -> Point:
        """A row of the table in its place."""
        low, high = (row.speedup if pd.isna(each) else each for each in (row.speedup_low, row.speedup_high))
        return Point(
            x=self.x(row.workers), y=self.y(row.speedup), low_y=self.y(low), high_y=self.y(high),
            label=f"{row.mix}: {row.speedup:.2f}x", recommended=row.recommended,
        )  # fmt: skip


def _top(best: pd.DataFrame) -> float:
    """The upper end of the axis: the highest end of an interval, at least a little over 1."""
    ends = [*best["speedup"], *best["speedup_high"].dropna()]
    return max(1.1, *map(float, ends))
