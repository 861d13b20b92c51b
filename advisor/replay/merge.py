"""The trials so far, one entry a mix, repeats merged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from statistics import median

from advisor.model.trial import SERIAL, Trial, WorkerMix


@dataclass(slots=True)
class Book:
    """What was measured, by mix, in order of first use. `calls` is the size of the real job."""

    calls: int
    _trials: dict[WorkerMix, Trial] = field(default_factory=dict)
    _startups_s: dict[WorkerMix, list[float]] = field(default_factory=dict)

    def add(self, trial: Trial, *, memory: bool = False) -> Trial:
        """Book one repeat and return what is now known of its mix; of a memory trial only the memory is kept."""
        judged = trial if trial.mix == SERIAL else self._judged(trial)
        judged = self._tolerant(judged) if trial.mix == SERIAL else judged
        known = self._trials.get(judged.mix)
        if memory and known is not None:
            weighed = replace(known, peak_pss_bytes=judged.peak_pss_bytes)
            merged = weighed if judged.ok else _merged(known, judged, known.startup_s)
        else:
            self._startups_s.setdefault(judged.mix, []).append(judged.startup_s)
            merged = judged if known is None else _merged(known, judged, median(self._startups_s[judged.mix]))
        self._trials[judged.mix] = merged
        if judged.mix == SERIAL and judged.mismatches:
            self._acquit()
        return merged

    def forget(self, mix: WorkerMix) -> None:
        """Drop a mix, to measure it anew at another size."""
        self._trials.pop(mix, None)
        self._startups_s.pop(mix, None)

    def drop_first(self, mixes: Iterable[WorkerMix], *, keep: int) -> None:
        """Drop the seconds taken before the side-by-side rounds, of each mix that has `keep` others."""
        for mix in mixes:
            trial = self._trials[mix]
            if len(trial.wall_s) > keep:
                self._trials[mix] = replace(trial, wall_s=trial.wall_s[-keep:])

    def get(self, mix: WorkerMix) -> Trial | None:
        """What is known of a mix."""
        return self._trials.get(mix)

    def trials(self) -> tuple[Trial, ...]:
        """Everything, in order of first use."""
        return tuple(self._trials.values())

    def usable(self) -> tuple[Trial, ...]:
        """The trials whose seconds count."""
        return tuple(trial for trial in self._trials.values() if trial.ok)

    def best(self) -> Trial | None:
        """The fastest for the whole job."""
        return min(self.usable(), key=lambda trial: trial.job_s(self.calls), default=None)

    def length_s(self, mix: WorkerMix) -> float:
        """How long another trial of a mix will take."""
        trial = self._trials.get(mix)
        return trial.startup_s + median(trial.wall_s) if trial is not None and trial.ok else 0.0

    def _judged(self, trial: Trial) -> Trial:
        """Other results than recorded count against a mix only where serial reproduces the recorded ones."""
        serial = self._trials.get(SERIAL)
        if serial is None or trial.outcome not in ("ok", "wrong_result"):
            return trial
        wrong = trial.mismatches > 0 or trial.outcome == "wrong_result"
        return replace(trial, outcome="wrong_result" if wrong and serial.mismatches == 0 else "ok")

    def _acquit(self) -> None:
        """Serial differs too, after all (by a clock that shows minutes): no other mix is to blame for its results."""
        for mix, trial in self._trials.items():
            if trial.outcome == "wrong_result" and trial.wall_s:
                self._trials[mix] = replace(trial, outcome="ok")

    @staticmethod
    def _tolerant(trial: Trial) -> Trial:
        """A serial replay whose results differ (they hold a time, a random figure) is still timed."""
        return (
            replace(trial, outcome="ok", mismatches=max(trial.mismatches, 1))
            if trial.outcome == "wrong_result"
            else trial
        )


def _merged(known: Trial, new: Trial, startup_s: float) -> Trial:
    """One more repeat: means over repeats for the counts, all seconds kept; a bad outcome stays."""
    if not new.ok:
        wrong = max(known.mismatches, new.mismatches)
        return replace(known, outcome=new.outcome, error=new.error, mismatches=wrong, stacks=new.stacks)
    before = len(known.wall_s)
    return replace(
        known,
        wall_s=known.wall_s + new.wall_s,
        startup_s=startup_s,
        cpu_s=_mean(known.cpu_s, new.cpu_s, before),
        voluntary_switches=_mean(known.voluntary_switches, new.voluntary_switches, before),
        involuntary_switches=_mean(known.involuntary_switches, new.involuntary_switches, before),
        ipc_bytes=round(_mean(known.ipc_bytes, new.ipc_bytes, before)),
        mismatches=max(known.mismatches, new.mismatches),
    )


def _mean(known: float, new: float, before: int) -> float:
    return known + (new - known) / (before + 1)
