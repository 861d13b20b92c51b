"""What the verdict costs, what speaks against it and how sure it is, each as a name and a sentence."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from advisor.report import frames, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from advisor.model.advice import Advice, SiteAdvice
    from advisor.model.machine import Noise
    from advisor.model.trial import Trial

Remark = tuple[str, str]
"""A name and what is said of it."""


def costs(entry: SiteAdvice) -> list[Remark]:
    """Memory, switches, CPU time, data sent and start-up of the advised mix beside today's; none where not tried."""
    advised, today = _advised(entry), frames.baseline_trial(entry)
    if advised is None:
        return []
    same = today is None or advised is today
    return list(_told(advised, None if same else today, str(frames.today_mix(entry))))


def certainty(advice: Advice, entry: SiteAdvice) -> list[Remark]:
    """The interval, the repeats behind it, what the machine's own noise is, and how far off the prediction was."""
    found = [("Interval", _interval(entry)), ("Repeats", _repeats(entry)), ("Machine", _noise(advice.noise))]
    told = [finding.message for finding in (*entry.findings, *advice.findings) if finding.code == "ADV402"]
    found += [("Noise", message) for message in dict.fromkeys(told)]
    found.append(("Prediction", _prediction(entry)))
    return [(name, text) for name, text in found if text]


def _advised(entry: SiteAdvice) -> Trial | None:
    wanted = entry.recommendation
    if wanted is None or not wanted.decided:
        return None
    return next((trial for trial in entry.trials if trial.ok and trial.mix == wanted.mix), None)


def _told(advised: Trial, today: Trial | None, name: str) -> Iterator[Remark]:
    """Each figure of the advised mix, with today's where that is another one."""
    tasks = max(advised.tasks, 1)

    def beside(shown: str, others: str) -> str:
        return f"{shown}, {name} {others}" if today is not None else shown

    peak = today.peak_pss_bytes if today is not None else None
    more = f" ({words.ratio(advised.peak_pss_bytes / peak)})" if advised.peak_pss_bytes and peak else ""
    used = words.size(advised.peak_pss_bytes) if advised.peak_pss_bytes is not None else "not measured"
    yield "Memory at its peak", beside(used, words.size(peak)) + more
    yield "Context switches a call", beside(_switches(advised), _switches(today))
    yield "CPU time a call", beside(words.seconds(advised.cpu_s / tasks), words.seconds(_cpu_s(today)))
    if advised.ipc_bytes:
        yield "Sent between processes", f"{words.size(advised.ipc_bytes / tasks)} a call"
    if advised.mix.workers > 1:
        yield "Starting the workers", f"{words.seconds(advised.startup_s)}, once"


def _switches(trial: Trial | None) -> str:
    if trial is None:
        return words.UNKNOWN
    return words.rate((trial.voluntary_switches + trial.involuntary_switches) / max(trial.tasks, 1))


def _cpu_s(trial: Trial | None) -> float | None:
    return trial.cpu_s / max(trial.tasks, 1) if trial is not None else None


def _interval(entry: SiteAdvice) -> str:
    advised = entry.recommendation
    if advised is None or not advised.decided or advised.speedup.low == advised.speedup.high:
        return ""
    low, high = words.ratio(advised.speedup.low), words.ratio(advised.speedup.high)
    return f"{low} to {high}, {_basis(entry) if advised.measured else 'the error of a prediction'}"


def _basis(entry: SiteAdvice) -> str:
    """What the interval of a measured gain comes from (`statistics.ratio_interval`)."""
    sides = [trial for trial in (_advised(entry), frames.baseline_trial(entry)) if trial is not None]
    if any(len(trial.wall_s) < 2 for trial in sides):  # noqa: PLR2004  # one has no spread
        return "what a machine's drift can do to a single repeat"
    return "95%, by bootstrap of the repeats"


def _repeats(entry: SiteAdvice) -> str:
    if not any(trial.ok for trial in entry.trials):
        return "none: nothing was replayed"
    advised = _advised(entry)
    mine = f", {len(advised.wall_s)} of the advised one{_spread(advised)}" if advised is not None else ""
    return f"{words.runs(entry.trials)}{mine}"


def _spread(trial: Trial) -> str:
    middle = median(trial.wall_s)
    if len(trial.wall_s) < 2 or middle <= 0:  # noqa: PLR2004  # one has no spread
        return ""
    return f" (±{words.percent((max(trial.wall_s) - min(trial.wall_s)) / 2 / middle)})"


def _noise(noise: Noise | None) -> str:
    if noise is None:
        return ""
    told = (
        f"{words.plural(noise.pairs, 'pair')} of equal work differed by {words.percent(noise.false_difference)}; "
        f"one turn in ten was {words.percent(noise.spread)} over the median"
    )
    return told + (": too noisy for small differences" if noise.too_high else "")


def _prediction(entry: SiteAdvice) -> str:
    advised = entry.recommendation
    told = next((each for each in entry.predictions if advised is not None and each.mix == advised.mix), None)
    if told is None:
        return ""
    return (
        f"before any trial {words.ratio(told.predicted)} over serial was expected of this mix, "
        f"{words.ratio(told.measured)} was measured ({words.signed_percent(told.error)})"
    )
