"""Which trial comes next: probe, look round, refine, repeat side by side, weigh."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from advisor.model.trial import SERIAL, Trial, TrialRequest, WorkerMix
from advisor.replay.clock import Clock
from advisor.replay.ladders import between, ladders, with_one_native_thread
from advisor.replay.merge import Book
from advisor.replay.protocol import Plan, Progress, Stage
from advisor.replay.sizing import Sizing

WORTH = 1.05
"""The next larger count is tried while the last step gained, or should gain, this much."""
PAYS = 1.25
"""Today's mix, where it is this much better than a smaller one and comes within this of what is expected of it, leaves
nothing to be found between the two."""
LEAST_HOPE = 0.1
"""An expectation below this is taken for this: a trial's foreseen length stays finite."""
WORSE = 0.90
"""A step that lost more than this ends the climb, whatever was expected."""
NEAR = 1.15
"""Mixes this close to the best in their first trial may be as good, by what one trial can err: the smallest of them is
compared with it."""
REPEATS_SHARE = 0.5
"""Part of the budget kept back for repeats and memory trials: what was measured once decides nothing."""
COMPARED = 2
"""Best mixes that are repeated, besides serial, the current one and the smallest of the near best ..."""
HOPELESS = 1.6
"""... but none this much slower than the best in its first trial: DRIFT squared, see `analyse.statistics`."""
NATIVE_CPUS = 1.2
"""CPUs that a serial trial keeps busy from which on a library computes on threads of its own."""
MEMORY_RESERVE = 1.5
"""Kept back for each memory trial, as a multiple of what it should take: it reads /proc meanwhile."""


def search(stage: Stage, plan: Plan, clock: Clock, progress: Progress | None = None) -> tuple[Trial, ...]:
    """Run trials of one site until the best mix is settled or the budget spent; one trial a mix, in order of first use.

    Never overruns the budget by more than the trial under way. A mix that failed, hung or gave other results
    keeps that outcome, is not repeated, and nothing larger of its kind is tried.
    """
    return Search(stage, plan, clock, progress).run()


class Search:
    """One search: the plan, what was measured so far, and the budget left."""

    def __init__(self, stage: Stage, plan: Plan, clock: Clock, progress: Progress | None = None) -> None:
        self.stage = stage
        self.plan = plan
        self.clock = clock
        self.progress = progress
        self.began = clock.now()
        self.book = Book(plan.calls)
        self.sizing = Sizing(plan=plan, task_s=plan.per_call_s)

    def trials(self) -> tuple[Trial, ...]:
        """What is known so far, also where the search was cut short."""
        return self.book.trials()

    def run(self) -> tuple[Trial, ...]:
        """The whole search, as `search` describes it."""
        if not self.probe():
            return self.book.trials()
        if self.plan.current is not None:
            self.trial(self.plan.current)
        self.look_round()
        self.refine()
        self.repeat()
        self.weigh()
        return self.book.trials()

    # --- budget ------------------------------------------------------------------------------------

    @property
    def left_s(self) -> float:
        """Seconds of the budget not yet spent."""
        return self.plan.budget_s - (self.clock.now() - self.began)

    def speedup(self, mix: WorkerMix) -> float:
        """Measured where it was, else expected; the seconds of a trial are foreseen from it."""
        trial, serial = self.book.get(mix), self.book.get(SERIAL)
        if trial is not None and trial.ok and serial is not None:
            return serial.job_s(self.plan.calls) / trial.job_s(self.plan.calls)
        return 1.0 if mix == SERIAL else min(max(self.plan.expectation(mix), LEAST_HOPE), mix.workers)

    def trial(self, mix: WorkerMix, *, memory: bool = False) -> Trial | None:
        """Run `mix` once more and book it; None where the budget is spent."""
        if self.left_s <= 0:
            return None
        if self.progress is not None:
            self.progress(mix, 1.0 - self.left_s / self.plan.budget_s)
        known = self.book.get(mix)
        tasks = known.tasks if known is not None else self.sizing.tasks(mix, self.speedup(mix))
        tasks = min(tasks, self.sizing.memory_tasks(mix, self.speedup(mix))) if memory else tasks
        request = TrialRequest(
            site=self.plan.site, mix=mix, tasks=tasks, timeout_s=self.sizing.timeout_s(tasks), memory=memory,
            row=self.plan.row,
        )  # fmt: skip
        return self.book.add(self.stage.run(request), memory=memory)

    # --- the steps ---------------------------------------------------------------------------------

    def probe(self) -> bool:
        """Time one task, then set serial's own trial to a good length. False where even serial fails."""
        tasks = self.sizing.first()
        request = TrialRequest(
            site=self.plan.site, mix=SERIAL, tasks=tasks, timeout_s=self.sizing.timeout_s(tasks) + self.plan.budget_s,
            row=self.plan.row,
        )  # fmt: skip
        found = self.book.add(self.stage.run(request))
        if not found.ok:
            return False
        longest_s = max(found.task_s, default=0.0)
        self.sizing = self.sizing.measured(max(found.wall_s[-1] / found.tasks, 1e-9), found.tasks, longest_s)
        if self.sizing.tasks(SERIAL, 1.0) > 2 * found.tasks:
            self.book.forget(SERIAL)
            again = self.trial(SERIAL)
            if again is None:
                self.book.add(found)
            elif again.ok:
                self.sizing = replace(self.sizing, task_s=max(again.wall_s[-1] / again.tasks, 1e-9))
        return True

    def look_round(self) -> None:
        """The first rung of threads and of processes, for evidence, then up the ladders that promise most."""
        rows = sorted(ladders(self.sizing), key=lambda ladder: -self.needed(ladder, self.top(ladder)))
        if self.uses_native_threads():  # before those that let the library start its threads in each worker
            for mix in with_one_native_thread(self.sizing):
                self.trial(mix)
        for ladder in rows:
            if ladder[0].backend != "hybrid" and self.book.get(ladder[0]) is None:
                self.trial(ladder[0])
        climbed = 0.0
        for ladder in rows:
            if self.promises(ladder, climbed):
                self.climb(ladder)
                climbed = max(climbed, self.top(ladder))

    def uses_native_threads(self) -> bool:
        """True where serial itself keeps more than one CPU busy, and a library with threads of its own is there."""
        serial = self.book.get(SERIAL)
        if not self.plan.native_pools or serial is None or not serial.ok:
            return False
        return serial.cpu_s >= NATIVE_CPUS * min(serial.wall_s)

    def top(self, ladder: Iterable[WorkerMix]) -> float:
        """The best that is expected of a ladder."""
        return max(self.hope(mix) for mix in ladder)

    def hope(self, mix: WorkerMix) -> float:
        """Expected speed-up of the whole job, starting the pool included."""
        calls = self.plan.calls
        return calls * self.sizing.task_s / self.sizing.wall_s(mix, calls, max(self.plan.expectation(mix), LEAST_HOPE))

    @staticmethod
    def needed(ladder: list[WorkerMix], expected: float) -> float:
        """An expectation, with the doubt in favour of threads, which cost least, and of hybrids, not tried before."""
        return expected / WORTH if ladder[0].backend == "processes" else expected * WORTH

    def promises(self, ladder: list[WorkerMix], climbed: float) -> bool:
        """True where this ladder may beat the best one climbed, or its first rung did better than its like."""
        first = self.book.get(ladder[0])
        if first is not None and not first.ok:
            return False
        if self.needed(ladder, self.top(ladder)) >= climbed:
            return True
        if first is None:
            return False
        rivals = [
            trial for trial in self.book.usable() if trial.mix.workers == first.mix.workers and trial is not first
        ]
        return any(rival.job_s(self.plan.calls) >= WORTH * first.job_s(self.plan.calls) for rival in rivals)

    def climb(self, ladder: Iterable[WorkerMix]) -> None:
        """Up one ladder while it pays or should pay."""
        last: WorkerMix | None = None
        for mix in ladder:
            if self.below_today(mix):
                continue
            if last is not None and not self.worth(last, mix):
                return
            trial = self.book.get(mix) or self.trial(mix)
            if trial is None or not trial.ok:
                return
            if last is not None and self.gained(last, mix) < WORSE:
                return
            last = mix

    def below_today(self, mix: WorkerMix) -> bool:
        """True for fewer workers of today's kind where these pay as expected: the budget is for what lies above."""
        today = self.plan.current
        if today is None or mix.backend != today.backend or mix.workers >= today.workers:
            return False
        return self.hope(today) >= PAYS * self.hope(mix) and self.speedup(today) >= self.hope(today) / PAYS

    def worth(self, last: WorkerMix, larger: WorkerMix) -> bool:
        """True where a larger mix is worth a trial after this one."""
        tasks = self.sizing.tasks(larger, self.speedup(larger))
        if self.sizing.wall_s(larger, tasks, self.speedup(larger)) > self.left_s - REPEATS_SHARE * self.plan.budget_s:
            return False
        return self.hope(larger) >= WORTH * self.hope(last) or self.step_paid(last)

    def step_paid(self, mix: WorkerMix) -> bool:
        """True where the last step, from the next smaller mix of its kind, gained."""
        smaller = [trial.mix for trial in self.book.usable() if trial.mix.backend == mix.backend]
        below = max(
            (other for other in smaller if other.workers < mix.workers), key=lambda m: m.workers, default=SERIAL
        )
        return self.gained(below, mix) >= WORTH

    def gained(self, last: WorkerMix, mix: WorkerMix) -> float:
        """How many times faster `mix` was than `last`."""
        one, two = self.book.get(last), self.book.get(mix)
        return one.job_s(self.plan.calls) / two.job_s(self.plan.calls) if one and two else 0.0

    def refine(self) -> None:
        """Counts between the best one and its neighbours, then other chunks, while there is budget to repeat them."""
        best = self.book.best()
        if best is None or best.mix == SERIAL:
            return
        middles = between(best.mix, [trial.mix for trial in self.book.usable()], self.plan.at_once)
        self.try_all(self.sizing.capped(mix) for mix in middles)
        best = self.book.best()
        if best is not None:
            self.try_all(self.sizing.other_chunks(best.mix))

    def try_all(self, mixes: Iterable[WorkerMix]) -> None:
        """Each of `mixes` once, as long as budget is left to repeat them."""
        for mix in mixes:
            foreseen_s = self.sizing.wall_s(mix, self.sizing.tasks(mix, self.speedup(mix)), self.speedup(mix))
            if self.book.get(mix) is None and foreseen_s < self.left_s - REPEATS_SHARE * self.plan.budget_s:
                self.trial(mix)

    def repeat(self) -> None:
        """Rounds of all compared mixes, ABC ABC, so that drift of the machine cannot pick a side."""
        mixes, rounds = self.affordable(self.compared()), 0
        while rounds < self.plan.max_repeats and self.round_s(mixes) + self.reserve_s(rounds) <= self.left_s:
            if rounds >= self.plan.min_repeats and self.plan.settled(self.book.trials()):
                return
            mixes = [mix for mix in mixes if self.works(mix)]
            for mix in mixes:
                self.trial(mix)
            rounds += 1
            if rounds == self.plan.min_repeats:
                self.book.drop_first(mixes, keep=self.plan.min_repeats)

    def works(self, mix: WorkerMix) -> bool:
        """True where it was measured and never failed."""
        trial = self.book.get(mix)
        return trial is not None and trial.ok

    def compared(self) -> list[WorkerMix]:
        """Serial, the current mix, the smallest near the best of each kind, the one expected best, the best few."""
        parallel = sorted(
            (trial for trial in self.book.usable() if trial.mix != SERIAL),
            key=lambda trial: trial.job_s(self.plan.calls),
        )
        mixes = [SERIAL, *([self.plan.current] if self.plan.current is not None else [])]
        if parallel:
            best_s = parallel[0].job_s(self.plan.calls)
            near = [trial for trial in parallel if trial.job_s(self.plan.calls) <= NEAR * best_s]
            smallest = [_smallest(near, threads=True), _smallest(near, threads=False)]
            left = [trial for trial in parallel if trial.job_s(self.plan.calls) <= HOPELESS * best_s]
            promising = max(parallel, key=lambda trial: (self.hope(trial.mix), -trial.mix.workers))
            mixes += [trial.mix for trial in (*smallest, promising, *left[:COMPARED]) if trial is not None]
        return [mix for mix in dict.fromkeys(mixes) if self.works(mix)]

    def affordable(self, mixes: list[WorkerMix]) -> list[WorkerMix]:
        """`mixes`, or where the budget does not let each be repeated often enough, those that matter most."""
        if self.plan.min_repeats * self.round_s(mixes) <= self.left_s:
            return mixes
        parallel = [mix for mix in mixes if mix not in (SERIAL, self.plan.current)]
        calls = self.plan.calls
        known = {mix: trial.job_s(calls) for mix in parallel if (trial := self.book.get(mix)) is not None}
        hoped = max(known, key=lambda mix: (self.hope(mix), -mix.workers), default=SERIAL)
        few = {SERIAL, self.plan.current, hoped, min(known, key=known.__getitem__, default=SERIAL)}
        return [mix for mix in mixes if mix in few]

    def round_s(self, mixes: Iterable[WorkerMix]) -> float:
        """Foreseen length of one round of repeats."""
        return sum(self.book.length_s(mix) for mix in mixes)

    def reserve_s(self, rounds: int) -> float:
        """Kept back for the memory trials, once there have been rounds enough to show a difference at all."""
        if rounds < self.plan.min_repeats:
            return 0.0
        return MEMORY_RESERVE * sum(self.memory_s(mix) for mix in self.weighed())

    def memory_s(self, mix: WorkerMix) -> float:
        """Foreseen length of a memory trial."""
        tasks = self.sizing.memory_tasks(mix, self.speedup(mix))
        return min(self.book.length_s(mix), self.sizing.wall_s(mix, tasks, self.speedup(mix)))

    def weighed(self) -> list[WorkerMix]:
        """Serial, the current mix and the best ones: those whose memory the advice will speak of."""
        return self.compared()[:3]

    def weigh(self) -> None:
        """Memory trials; their seconds are thrown away."""
        for mix in self.weighed():
            self.trial(mix, memory=True)


def _smallest(trials: Iterable[Trial], *, threads: bool) -> Trial | None:
    """The one with the fewest workers: of those on threads of one process, or of the others."""
    kind = [trial for trial in trials if (trial.mix.processes == 1) == threads]
    return min(kind, key=lambda trial: trial.mix.workers, default=None)
