"""Figures and names as text: every figure with its unit, every name safe to print."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from advisor.model.advice import Interval, Recommendation
    from advisor.model.trial import Trial

UNKNOWN = "-"  # shown where a figure was not measured: an empty cell could be taken for zero
MS, US = 1e-3, 1e-6
BYTE_UNITS = ("B", "kB", "MB", "GB", "TB")
BYTE_STEP = 1000  # SI steps, as the unit names say
SMALL_SHARE, SMALL_RATE = 0.01, 0.05  # below these one more digit, or a sign, keeps a figure from looking like zero
LARGE = 100  # from here on decimals say nothing
ROUNDS_UP = 0.0005  # 9.996 is shown at three digits as 10.0, not 10.00
MOST_DECIMALS = 4  # a ratio below 0.001 is zero to any reader
# Cc and Cf hold terminal escapes and the marks that reorder text (CVE-2021-42574); Cs, lone surrogates that no
# encoding can write; Zl and Zp, line breaks that would split a table row.
UNPRINTABLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))

KIND_WORDS = {
    "python": "on the CPU, Python (holding the GIL)",
    "native": "on the CPU, native code (GIL released)",
    "network": "waiting for the network",
    "disk": "waiting for the disk",
    "sleep": "sleeping",
    "child": "waiting for a child process",
    "pipe": "waiting for a pipe",
    "lock": "waiting for a lock",
    "gil": "waiting for the GIL",
    "runqueue": "ready to run, no CPU free",
    "other": "waiting, on what is not known",
}
KIND_NAMES = {
    "python": "Python", "native": "native code", "network": "network", "disk": "disk", "sleep": "sleep",
    "child": "child process", "pipe": "pipe", "lock": "lock", "gil": "GIL wait", "runqueue": "no CPU free",
    "other": "other wait",
}  # fmt: skip
"""The same where there is little room."""


def known(value: float | None) -> bool:
    """True where a figure is there: neither None nor NaN (pandas turns None into NaN)."""
    return value is not None and math.isfinite(value)


def seconds(value_s: float | None, *, digits: int = 3) -> str:
    """A duration at `digits` digits, in the unit that suits it: `1.23 s`, `12.3 ms`, `450 us`."""
    if value_s is None or not known(value_s):
        return UNKNOWN
    if value_s >= 1 or value_s == 0:
        return f"{_digits(value_s, digits)} s"
    if value_s >= MS:
        return f"{_digits(value_s / MS, digits)} ms"
    return f"{_digits(value_s / US, digits)} us"


def signed_seconds(value_s: float) -> str:
    """A difference of durations as `+50.0 ms` or `-1.20 s`."""
    return f"{'-' if value_s < 0 else '+' if value_s > 0 else ''}{seconds(abs(value_s))}"


def percent(share: float | None) -> str:
    """A share in [0, 1] as `97%`; below 1%, `0.4%`."""
    if share is None or not known(share):
        return UNKNOWN
    return f"{100 * share:.1f}%" if 0 < share < SMALL_SHARE else f"{100 * share:.0f}%"


def signed_percent(share: float) -> str:
    """A share with its sign: `+12%`, `-3%`."""
    return f"{'-' if share < 0 else '+'}{percent(abs(share))}"


def ratio(value: float | None) -> str:
    """A factor as `11.4x`."""
    return f"{_digits(value)}x" if value is not None and known(value) else UNKNOWN


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """A factor with its 95% interval: `11.4x (10.9-11.8)`; the factor alone where the interval is not known."""
    if low is None or high is None or not (known(low) and known(high)):
        return ratio(value)
    shown = ratio(value)
    places = len(shown.rstrip("x").partition(".")[2])
    return f"{shown} ({low:,.{places}f}-{high:,.{places}f})"


def gain(speedup: Interval) -> str:
    """An `Interval` as `interval` shows it."""
    return interval(speedup.value, speedup.low, speedup.high)


def near_one(ratio: Interval) -> str:
    """A ratio whose distance from 1 matters, to a tenth of a percent: `1.004x (0.985-1.021)`."""
    return f"{ratio.value:,.3f}x ({ratio.low:,.3f}-{ratio.high:,.3f})"


def spread(median_s: float | None, low_s: float | None, high_s: float | None) -> str:
    """A median and half its range: `2.13 s ±3%`; the median alone where it was taken once."""
    if median_s is None or low_s is None or high_s is None or not known(median_s):
        return UNKNOWN
    half = (high_s - low_s) / 2 / median_s if median_s > 0 else 0.0
    return f"{seconds(median_s)} ±{percent(half)}" if high_s > low_s else seconds(median_s)


def size(value_bytes: float | None) -> str:
    """Bytes in SI units at two digits: `24 MB`, `1.2 GB`."""
    if value_bytes is None or not known(value_bytes):
        return UNKNOWN
    value, unit = float(value_bytes), BYTE_UNITS[0]
    for unit in BYTE_UNITS:
        if value < BYTE_STEP or unit == BYTE_UNITS[-1]:
            break
        value /= BYTE_STEP
    return f"{value:.0f} {unit}" if unit == "B" else f"{_digits(value, 2)} {unit}"


def count(value: float | None) -> str:
    """A whole number with thousands apart: `12,345`."""
    return f"{value:,.0f}" if value is not None and known(value) else UNKNOWN


def rate(value: float | None) -> str:
    """A number per task: `0.2`, `1000`; zero only where it is."""
    if value is None or not known(value):
        return UNKNOWN
    return "<0.1" if 0 < value < SMALL_RATE else f"{value:.{0 if value >= LARGE else 1}f}"


def whole(value: float, digits: int = 6) -> float:
    """A figure for machines, rounded; a whole one as such, so that 1 and 1.0 look alike."""
    rounded = round(value, digits)
    return int(rounded) if math.isfinite(rounded) and rounded == int(rounded) else rounded


def evidence(value: Any) -> str:  # noqa: ANN401  # any JSON value
    """A figure, a text or a list of either, as it stands behind a finding."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {evidence(each)}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(evidence(each) for each in value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{whole(value):,}" if abs(value) >= 1 else f"{value:.4g}"
    return {None: UNKNOWN, True: "yes", False: "no"}.get(value) or str(value)


def plural(number: int, one: str, many: str = "") -> str:
    """`1 run`, `3 runs`; `many` where an s does not make it."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def limit(advised: Recommendation) -> str:
    """What stops a larger mix from being faster, with what that means for it."""
    more = {
        "longest task": f" (no mix can be over {ratio(advised.ceiling)})",
        "workers tried": " (more may gain more, where the budget or the largest pool allowed stopped the trials)",
    }
    return printable(advised.limit) + more.get(advised.limit, "")


def runs(trials: Iterable[Trial]) -> str:
    """`18 runs of 6 mixes`, of the trials whose seconds count."""
    repeats = [len(trial.wall_s) for trial in trials if trial.ok]
    return f"{plural(sum(repeats), 'run')} of {plural(len(repeats), 'mix', 'mixes')}"


def printable(text: str) -> str:
    """`text` with every control, reordering or unencodable character as its escape, tabs as spaces."""
    if text.isascii() and text.isprintable():
        return text  # nearly every name is
    return "".join(_escaped(char) if unicodedata.category(char) in UNPRINTABLE else char for char in text.expandtabs(4))


def place(file: str, line: int, *, cwd: str | None = None, width: int | None = None) -> str:
    """`file:line`, the file relative to `cwd` where it lies below it, its beginning cut where it is over `width`."""
    text = printable(_relative(file, cwd))
    tail = f":{line}"
    return (_tail(text, width - len(tail)) if width is not None else text) + tail


def cut(text: str, width: int) -> str:
    """`text` at no more than `width` characters, `...` at its end where it was longer."""
    return text if len(text) <= width else text[: max(0, width - 3)] + "..."


def _relative(file: str, cwd: str | None) -> str:
    """`file` seen from `cwd` (None: the current folder, which a script may have deleted)."""
    try:
        return str(Path(file).relative_to(cwd if cwd is not None else Path.cwd()))
    except (ValueError, OSError):
        return file


def _tail(path: str, width: int) -> str:
    """The last parts of `path` that fit in `width`; part of the name where even that is too long."""
    if len(path) <= width:
        return path
    parts = path.split("/")
    fitting = ("/".join(("...", *parts[first:])) for first in range(1, len(parts)))
    return next((text for text in fitting if len(text) <= width), "..." + path[-max(1, width - 3) :])


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _digits(value: float, digits: int = 3) -> str:
    """So many significant digits without an exponent; whole from 100 on."""
    if value == 0:
        return "0"
    if abs(value) >= LARGE * (1 - ROUNDS_UP):
        return f"{value:,.0f}"
    decimals = digits - 1 - math.floor(math.log10(abs(value) * (1 + ROUNDS_UP)))
    return f"{value:.{min(max(decimals, 0), MOST_DECIMALS)}f}"
