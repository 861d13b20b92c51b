"""The balance: the fewest workers that are as fast as any, where that beats what the script does today."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from advisor.analyse.bound import nature_of
from advisor.analyse.inline import EVENT_LOOP
from advisor.analyse.levels import TINY_TURN_S
from advisor.analyse.statistics import distinguishable, ratio_interval, showable, spread
from advisor.model.advice import Interval, Recommendation
from advisor.model.machine import Machine
from advisor.model.site import Site
from advisor.model.trial import SERIAL, Backend, Trial, WorkerMix
from advisor.recommend.limit import ceiling_of, limit_of
from advisor.recommend.margins import MIN_SCRIPT_GAIN, MIN_SITE_GAIN, MIN_TINY_GAIN, of_script, stay
from advisor.recommend.memory import fits
from advisor.recommend.prediction import NO_LIMITS, Limits, predicted
from advisor.recommend.trust import starved

__all__ = ["after_change", "doubtful", "may_pause_by_what_it_changes", "predicted", "recommend"]

WITHIN = 0.05
"""Mixes this close to the best are as good; more where the repeats themselves spread more, up to `MOST_NOISE`."""
THREADS_FOR_PROCESSES = 0.08
"""Threads this much slower than as many processes are the easier change: nothing has to be pickled or imported anew."""
MOST_NOISE = 0.10
"""Noise beyond this excuses no slower mix: it makes the answer inconclusive instead."""
COMPUTES = 0.9
"""Part of a task on the CPU from which on more workers than cores have nothing to do."""
CHANCE = 0.26
"""By so much two mixes that are the same by nature may differ on a shared machine (`analyse.statistics.DRIFT`)."""
GIL_SLACK = 0.25
"""How far a measured gain may be above the GIL's limit before few repeats of it are put down to chance, times the part
of a task that is not Python code: of pure Python, threads gain nothing at all."""
PAUSING_SHARE = 0.5
"""Part of a task that sleeps from which on it is a pause, with some work beside it."""
GIL_BOUND = 0.5
"""Part of a task that is Python code from which on threads do not stand in for processes."""
MANY_REPEATS = 6
"""Three in a row happen by chance once in twenty times, and several mixes are compared; six do once in a thousand."""
CLEARLY_HIGH = 1.3
"""Where chance leaves room for this much gain, "no gain" is not settled."""
NOT_AGAIN = ("failed", "timed_out")
"""Outcomes of a serial trial that show that the calls cannot be run again."""
FAILURES = "failures"
"""What is said to limit calls of which every parallel trial failed."""
PREFERENCE: dict[Backend, int] = {"serial": 0, "threads": 1, "processes": 2, "hybrid": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """One mix against what the script does today, for a whole job of `calls` calls."""

    site: Site
    base: Trial
    best: Trial
    calls: int

    @property
    def speedup(self) -> Interval:
        """Of the site."""
        return ratio_interval(self.base.jobs_s(self.calls), self.best.jobs_s(self.calls))

    @property
    def script_speedup(self) -> Interval:
        """Of the whole script, by Amdahl's law on the share seen in run 1."""
        return of_script(self.site.share, self.speedup)

    @property
    def pays(self) -> bool:
        """Large enough for the site and for the script."""
        return self.speedup.value >= self.least and self.script_speedup.value >= MIN_SCRIPT_GAIN

    @property
    def least(self) -> float:
        """The gain that pays for the change."""
        turns = self.site.kind == "loop" and self.base.job_s(self.calls) < TINY_TURN_S * self.calls
        return MIN_TINY_GAIN if turns else MIN_SITE_GAIN

    @property
    def leaner(self) -> bool:
        """At most half the workers of today's pool, and no slower: memory and switches saved for nothing.

        Processes in place of threads are no saving by themselves: they must be faster at least.
        """
        few = 2 * self.best.mix.workers <= self.base.mix.workers
        harder = PREFERENCE[self.best.mix.backend] > PREFERENCE[self.base.mix.backend]
        return few and self.speedup.value >= (1 + WITHIN if harder else 1 - WITHIN)

    @property
    def shown(self) -> bool:
        """True where the repeats show a gain at all."""
        return distinguishable(self.base.jobs_s(self.calls), self.best.jobs_s(self.calls), 1.0)

    @property
    def open(self) -> bool:
        """No gain was seen, yet chance leaves room for a clear one."""
        many = showable(len(self.base.wall_s), len(self.best.wall_s))
        clear = max(CLEARLY_HIGH, self.least)
        return many and self.speedup.high >= clear and self.script_speedup.high >= MIN_SCRIPT_GAIN


def recommend(
    site: Site, trials: Sequence[Trial], machine: Machine, *, script_wall_s: float, limits: Limits = NO_LIMITS
) -> Recommendation:
    """What to run `site` on.

    Of the mixes that work, fit into memory and are within 5% (or the noise) of the fastest, the one with the fewest
    workers, then the least memory, then threads before processes. It must gain 1.15x on the site and 1.05x on the
    script, start-up included, over what the script does today; else that stays. Without usable trials the answer
    is predicted from the ledger and says so. `script_wall_s` is run 1's wall time.
    """
    if site.safety.workers == "threads":
        trials = [trial for trial in trials if trial.mix.processes == 1]
    elif site.safety.workers == "processes":
        trials = [trial for trial in trials if trial.mix.threads_per_process == 1]
    held = _held(site)
    base = _base(site, trials)
    if held is not None:
        return held
    broken = next((trial.error for trial in trials if trial.mix == SERIAL and trial.outcome in NOT_AGAIN), None)
    if base is None and broken is not None:
        why = f"its calls cannot be run again, as they depend on what was there at the time: {broken}"
        return stay(current_mix(site), why, measured=False, decided=False)
    if base is None:
        return predicted(site, machine, script_wall_s, limits)
    if base.mix != current_mix(site):
        return _without_today(site, trials, predicted(site, machine, script_wall_s, limits))
    calls = site.calls or base.tasks
    serial = next((trial for trial in trials if trial.mix == SERIAL and trial.ok), None)
    ceiling = ceiling_of(serial, min(calls, site.row or calls)) if serial is not None else None
    return replace(_answer(_choice(site, base, trials, machine, calls), trials, machine), ceiling=ceiling)


def doubtful(
    site: Site, trials: Sequence[Trial], machine: Machine, *, script_wall_s: float, limits: Limits = NO_LIMITS
) -> Recommendation:
    """What to run `site` on where its replayed calls are not like those of the script.

    The prediction from run 1, unless the trials point another way: then neither is to be trusted.
    """
    told = predicted(site, machine, script_wall_s, limits)
    seen = recommend(site, trials, machine, script_wall_s=script_wall_s, limits=limits)
    if told.mix.backend == seen.mix.backend:
        return told
    why = f"run 1 speaks for {told.mix}, the trials for {seen.mix}, and replayed calls are not like the script's"
    return stay(current_mix(site), why, measured=False, decided=False)


def after_change(
    site: Site, trials: Sequence[Trial], weigh: Callable[[Site, Sequence[Trial]], Recommendation]
) -> Recommendation | None:
    """What `site` could run on if its calls returned what they now change or add to.

    None where that gains no more, or where calls pause and what they change may say for how long.

    The copies of a trial change what they like, each its own: their seconds are those of the calls after the change.
    `weigh` is `recommend` for this machine and script.
    """
    if not site.safety.limited or not any(trial.ok for trial in trials):
        return None
    if may_pause_by_what_it_changes(site):
        return None
    today = weigh(site, trials)
    found = weigh(replace(site, safety=site.safety.freed), trials)
    gains = found.measured and found.decided and found.speedup.value >= MIN_SITE_GAIN * today.speedup.value
    return found if gains else None


def may_pause_by_what_it_changes(site: Site) -> bool:
    """True for calls that sleep for most of their time and change what they share, as a limit to a rate does.

    Returning what they change, a time of the last call, would end the limit, and no trial would tell.
    """
    return bool(site.safety.changes) and nature_of(site.ledger).get("sleep", 0.0) >= PAUSING_SHARE


def current_mix(site: Site) -> WorkerMix:
    """What the script runs the site on today."""
    recorded = site.recorded
    return recorded.current if recorded is not None and recorded.current is not None else SERIAL


def _held(site: Site) -> Recommendation | None:
    """Calls that need each other stay as they are, and so does code that is no call."""
    if site.safety.status in ("dependent", "unsafe") or site.callee == EVENT_LOOP:
        reason = "; ".join(site.safety.reasons)
    elif site.kind == "inline":
        reason = "the work is done in place, not in calls that could be shared out: move a turn of it into a function"
    else:
        return None
    return stay(current_mix(site), reason, measured=False)


def _base(site: Site, trials: Sequence[Trial]) -> Trial | None:
    """The trial of what the script does today; serial's where today's mix could not be measured."""
    usable = {trial.mix: trial for trial in trials if trial.ok}
    return usable.get(current_mix(site)) or usable.get(SERIAL)


def _without_today(site: Site, trials: Sequence[Trial], told: Recommendation) -> Recommendation:
    """The prediction, where today's mix could not be tried: what others gain over serial says nothing of it."""
    today = current_mix(site)
    if told.mix != today:
        return told
    error = next((trial.error for trial in trials if trial.mix == today), None)
    return replace(told, reason=f"{today} could not be tried here{_told(error)}, so nothing is known to be faster")


def _choice(site: Site, base: Trial, trials: Sequence[Trial], machine: Machine, calls: int) -> _Choice:
    """The cheapest mix near the best that pays, else the best itself: what is turned down is the best there was."""
    ok = [trial for trial in trials if trial.ok]
    serial = next((trial for trial in ok if trial.mix == SERIAL), base)
    filled = machine.cores if _computes(site) else None
    possible = [
        trial
        for trial in ok
        if trial is base or (_possible(trial, serial, site, machine, calls) and not _overfull(trial, ok, filled))
    ]
    usable = _trusted([trial for trial in possible if fits(trial, trials, machine)] or possible)
    best = min(usable, key=lambda trial: trial.job_s(calls))
    noise = min(max(WITHIN, spread(best.jobs_s(calls))), MOST_NOISE)
    near = [trial for trial in usable if _is_near(trial, best, calls, noise, filled)]
    choices = [_Choice(site=site, base=base, best=trial, calls=calls) for trial in near]
    worth = [choice for choice in choices if choice.pays or choice.leaner]
    if not worth:
        return _Choice(site=site, base=base, best=best, calls=calls)
    weighed = all(choice.best.peak_pss_bytes is not None for choice in worth)
    return min(worth, key=lambda choice: _cost(choice.best, weighed=weighed))


def _possible(trial: Trial, serial: Trial, site: Site, machine: Machine, calls: int) -> bool:
    """False for threads that seem to share out what the GIL does not let them: a serial trial in a busy moment.

    Python code of one process takes its time on one core, whatever the threads; often repeated, the trials outrank
    run 1's ledger all the same.
    """
    if trial.mix.backend != "threads" or not machine.gil or len(trial.wall_s) >= MANY_REPEATS:
        return True
    python = nature_of(site.ledger).get("python", 0.0)
    return python * serial.job_s(calls) / trial.job_s(calls) <= 1 + GIL_SLACK * (1 - python)


def _overfull(trial: Trial, trials: Sequence[Trial], filled: int | None) -> bool:
    """True for more workers than the `filled` cores on tasks that only compute, where fewer that fill them were tried.

    There is nothing for them to do: that they were faster in a few repeats is a busy moment of the others. Often
    repeated, the trials outrank it, as tasks of very different lengths may fill the cores better so; and what was
    repeated is not given up for what was measured once.
    """
    if filled is None or trial.mix.workers <= filled or len(trial.wall_s) >= MANY_REPEATS:
        return False
    return any(
        other.mix.backend == trial.mix.backend
        and filled <= other.mix.workers < trial.mix.workers
        and len(other.wall_s) >= len(trial.wall_s)
        for other in trials
    )


def _is_near(trial: Trial, best: Trial, calls: int, noise: float, filled: int | None) -> bool:
    """True where a mix is within its margin of the best, or beyond, but not shown to be slower.

    Not far beyond; further where tasks only compute and both mixes fill all `filled` cores: more workers than that are
    no faster by nature.
    """
    slower = trial.job_s(calls) / best.job_s(calls) - 1
    if slower <= _margin(trial, best, noise):
        return True
    alike = filled is not None and filled <= trial.mix.workers < best.mix.workers
    same = alike and trial.mix.backend == best.mix.backend
    limit = CHANCE if same else MOST_NOISE
    return slower <= limit and not distinguishable(trial.jobs_s(calls), best.jobs_s(calls))


def _computes(site: Site) -> bool:
    nature = nature_of(site.ledger)
    return bool(nature) and nature["python"] + nature["native"] >= COMPUTES


def _margin(trial: Trial, best: Trial, noise: float) -> float:
    """How much slower than the best a mix may be: threads are given more against as many processes."""
    rival = best.mix.processes > 1 and trial.mix.backend == "threads" and trial.mix.workers <= best.mix.workers
    return max(noise, THREADS_FOR_PROCESSES) if rival else noise


def _trusted(trials: Sequence[Trial]) -> Sequence[Trial]:
    """The repeated trials where there are any: a mix measured once may have been lucky once."""
    most = max((len(trial.wall_s) for trial in trials if trial.mix != SERIAL), default=1)
    return [trial for trial in trials if trial.mix == SERIAL or 2 * len(trial.wall_s) > most] or trials


def _cost(trial: Trial, *, weighed: bool) -> tuple[int, ...]:
    """What a user pays for a mix, the dearest first: workers, memory where it is known of all, a harder backend."""
    mix = trial.mix
    return (mix.workers, (trial.peak_pss_bytes or 0) if weighed else 0, PREFERENCE[mix.backend], mix.chunk)


def _answer(choice: _Choice, trials: Sequence[Trial], machine: Machine) -> Recommendation:
    site, base, best = choice.site, choice.base, choice.best
    limit = limit_of(site, best, trials, machine, choice.calls)
    idle = base.mix != SERIAL and best.mix.workers < machine.cores  # would leave cores to others that had them now
    gated = base.mix.processes == 1 and nature_of(site.ledger).get("python", 0.0) >= GIL_BOUND  # or serial
    if (idle or ((gated or base.mix == SERIAL) and not choice.pays)) and starved(site, trials, machine):
        why = "other programs kept the CPUs busy during the trials, so they do not show what more workers bring"
        return stay(base.mix, why, measured=True, decided=False, limit="noise")
    if best.mix == base.mix:
        why = "no other mix was faster" if base.mix != SERIAL else _why_serial(site, trials)
        limit = limit if any(trial.ok for trial in trials if trial.mix != SERIAL) else FAILURES
        return stay(base.mix, why, measured=True, limit=limit)
    if not (choice.pays or choice.leaner):
        return stay(base.mix, _too_little(choice), measured=True, limit=limit, decided=not choice.open)
    if not (choice.shown or choice.leaner):
        return stay(
            base.mix,
            f"{best.mix} looked faster, but {_too_few(choice)}",
            measured=True,
            decided=False,
            limit="noise",
        )
    return Recommendation(
        mix=best.mix,
        speedup=choice.speedup,
        script_speedup=choice.script_speedup,
        measured=True,
        reason=site.bound.evidence,
        limit=limit,
    )


def _too_few(choice: _Choice) -> str:
    """Why what was seen does not show a gain."""
    repeats = min(len(choice.base.wall_s), len(choice.best.wall_s))
    if showable(len(choice.base.wall_s), len(choice.best.wall_s)):
        return "its repeats spread too much to be sure"
    times = "once" if repeats == 1 else f"{repeats} times"
    return f"the budget let it be timed {times} only: give more with --budget"


def _told(error: str | None) -> str:
    return f" ({error.splitlines()[0]})" if error else ""


def _too_little(choice: _Choice) -> str:
    gain = choice.speedup.value
    if gain < choice.least:
        return (
            f"the best mix tried, {choice.best.mix}, gains {gain:.2f}x with its start-up, not the {choice.least}x a "
            "change should bring"
        )
    whole = choice.script_speedup.value
    part = f"{choice.site.share:.0%} of its time"
    return f"{choice.best.mix} would gain {gain:.2f}x here, but the script only {whole:.2f}x, as this is {part}"


def _why_serial(site: Site, trials: Sequence[Trial]) -> str:
    """Serial won outright: say what the parallel mixes ran into."""
    calls = site.calls or 1
    parallel = [trial for trial in trials if trial.ok and trial.mix != SERIAL]
    serial = next(trial for trial in trials if trial.mix == SERIAL and trial.ok)
    if not parallel:
        failed = next((trial for trial in trials if not trial.ok and trial.mix != SERIAL), None)
        why = f", {failed.mix}: {failed.outcome.replace('_', ' ')}{_told(failed.error)}" if failed is not None else ""
        return f"no parallel mix could be run{why}"
    nearest = min(parallel, key=lambda trial: trial.job_s(calls))
    ratio = nearest.job_s(calls) / serial.job_s(calls)
    if ratio < 1:
        return f"{nearest.mix} took {ratio:.2f}x as long, which is chance: the GIL lets threads gain nothing here"
    return f"every mix tried was slower, the nearest, {nearest.mix}, {ratio:.2f}x as long with its start-up"
