"""A hot site: every call of it passes through here, and some are kept to be run again."""

from __future__ import annotations

import _thread
import contextlib
import functools
import itertools
import time
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .callee import code_of
from .digest import digest
from .effects import Notes
from .eventloop import LoopWaits
from .holding import Strong, Way, hold, lasts, sweep
from .openfiles import written_bytes
from .sample import Sample, Task, is_immutable
from .tally import PERIOD, Tally
from .witness import Marks, Witness

if TYPE_CHECKING:
    from concurrent.futures import Future

    from .recorder import Recorder
    from .rewriter import Rows
    from .values import Arguments, Function, Keywords, Loaded, Value

WITNESS_CALLS = 4  # calls whose arguments, globals and files are compared before and after
OFF_AFTER_CALLS = 2_000  # a site called this often ...
OFF_BELOW_S = 100e-6  # ... for less than this each is sampled from then on; told by the latest ones, since the first
_JUDGED_CALLS = OFF_AFTER_CALLS // 2  # hold what recording the calls inside them took
_DIGEST_S = 0.05  # a result that takes longer than this to digest is not digested again at its site
LEAST_CALLS = 2  # kept of a site even where the allowance is spent
_LEAST_CALL_S = 0.05  # what keeping each of these may take
_LONG_CALL_S = 1e-3
_PICKLE_AT_LEAST_S = 0.5  # what the first pickle of a site may take, whatever is left of the allowance
_DEFERRED = frozenset({types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType})


def _same(function: Function) -> Function:
    return function


class Gate(functools.partial):  # type: ignore[type-arg]  # not generic at run time on 3.11
    """The user's function on its way through `Site.gated`; pickled, it is the user's function alone."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _same, (self.args[0],)


class Site:
    """One call expression of the user's code, or one pool.

    `where` are its place and kind as the host knows them. Each call goes through `wrap` or `gated` once its
    `tally` has been asked.
    """

    numbers = itertools.count(1)

    def __init__(self, recorder: Recorder, where: dict[str, Any]) -> None:
        self.recorder = recorder
        self.id = f"c{next(self.numbers)}"
        self.where = where
        # One underscore: two would be mangled inside the user's classes.
        self.wrap_name = f"_advisor_wrap_{self.id}"
        self.tally = Tally(f"_advisor_tick_{self.id}")
        self.traced_s = 0.0
        self.judged_s = 0.0
        self.allowance = recorder.allowance  # a part of it from the first call on
        self.looking = recorder.looking  # as above
        self.sample = Sample()
        self.marks = Marks()
        self.target: Way | None = None
        self.code: types.CodeType | None = None
        self.deferred = False
        self.current: dict[str, Any] | None = None
        self.inside: set[int] = set()
        self.most_inside = 0
        self.notes = Notes(self.id)
        self.witnessed = 0
        self.digesting = True
        self.mapped: Site | None = None
        self.draws = False
        self.rows: Rows | None = None
        self.loop = LoopWaits()
        self.own_workers = ""  # "threads" or "processes": each call is all that one of them does
        self.processes = 0  # forked by the script that make such calls
        self.around: set[str] = set()  # the sites of recorded calls around these, a thread's target among them

    @property
    def mean_s(self) -> float:
        """Traced seconds of a call."""
        return self.traced_s / self.tally.calls if self.tally.calls else 0.0

    # --- the path of every call -------------------------------------------------------------------

    def wrap(self, function: Function) -> Function:
        """What the rewritten source calls in place of `function`, unless `tick` lets it pass."""
        if not self.recorder.recording:
            return function
        if function is map or self.recorder.leaves_alone(function):
            self.tally.uncount()
            return self.map if function is map else function
        index = self.count()
        if _thread.get_ident() in self.inside:  # a call inside a call of the same site is no task by itself
            return function
        return functools.partial(self.call, index, function)

    def wrap_unticked(self, function: Function) -> Function:
        """As `wrap`, for a callee that the source has only once: it could not ask `tick`."""
        return function if self.tally.tick() else self.wrap(function)

    def map(self, function: Function, *iterables: Value) -> Iterator[Any]:
        """The builtin `map`: its function is the task, not the call of `map`."""
        if self.mapped is None:
            name = getattr(function, "__qualname__", None) or "map"
            self.mapped = self.recorder.new_site(**{**self.where, "callee": name, "in_loop": True})
        return map(Gate(self.mapped.gated, function), *iterables)

    def gated(self, function: Function, /, *args: Value, **kwargs: Value) -> Value:
        """Run and count one call that no rewritten source has counted."""
        if self.tally.tick() or not self.recorder.recording:
            return function(*args, **kwargs)
        return self.call(self.count(), function, *args, **kwargs)

    def handed(self, parents: list[Notes], function: Function, /, *args: Value, **kwargs: Value) -> Value:
        """As `gated`, in a thread that works for the calls with the notes `parents`: its effects are theirs too."""
        stack = self.recorder.effects.stack()
        stack[:0] = parents
        try:
            return self.gated(function, *args, **kwargs)
        finally:
            del stack[: len(parents)]

    def gate(self, function: Function, parents: list[Notes] | None = None) -> Function:
        """`function` to be run by another thread, for the recorded calls that are under way in this one (`parents`)."""
        parents = list(self.recorder.effects.stack()) if parents is None else parents
        return Gate(functools.partial(self.handed, parents) if parents else self.gated, function)

    def count(self) -> int:
        """Count one call; its number."""
        index = self.tally.count()
        if index % _JUDGED_CALLS == 0 and self.may_slow_down(index) and self.tally.slow_down():
            self.sample.restart(offered=OFF_AFTER_CALLS // PERIOD + 1)
        return index

    def may_slow_down(self, index: int) -> bool:
        """True for short calls; handing a task to a pool costs the script more than recording it."""
        latest_s, self.judged_s = self.traced_s - self.judged_s, self.traced_s
        if index < OFF_AFTER_CALLS or self.tally.period > 1:
            return False
        return self.where.get("kind", "call") != "pool" and latest_s <= _JUDGED_CALLS * OFF_BELOW_S

    def call(self, index: int, function: Function, /, *args: Value, **kwargs: Value) -> Value:
        """Run one call of the user's and record it."""
        recorder = self.recorder
        if not recorder.recording:
            return function(*args, **kwargs)
        task, witness, written = self.before(index, function, args, kwargs)
        thread, stack = _thread.get_ident(), recorder.effects.stack()
        outermost = thread not in self.inside
        self.inside.add(thread)
        self.most_inside = max(self.most_inside, len(self.inside))
        if stack and stack[-1].owner not in self.around:
            self.around.update(notes.owner for notes in stack)
        stack.append(self.notes)
        left_s = recorder.allowance.left_s
        began = time.perf_counter()
        try:
            result = function(*args, **kwargs)
        except BaseException:
            if task is not None:
                self.sample.drop(task)
            raise
        finally:
            took_s = time.perf_counter() - began
            if outermost:
                self.traced_s += took_s * self.tally.period
                self.inside.discard(thread)
                self.loop.look()
            stack.pop()
            if witness is not None or written is not None:
                self.look_at_writes(witness, written)
        if task is not None:
            task.traced_s = took_s - (left_s - recorder.allowance.left_s)  # without recording calls inside this one
        self.after(task, witness, result, args, kwargs)
        return result

    def before(
        self, index: int, function: Function, args: Arguments, kwargs: Keywords, watched: Loaded | None = None
    ) -> tuple[Task | None, Witness | None, int | None]:
        """Record what is known before the call: task, witness and bytes written so far, where it is chosen.

        `watched` is what the witness looks at where that is not the call itself.
        """
        began = time.thread_time()
        if self.target is None:
            self.allowance = self.recorder.allowance.part()
            self.looking = self.recorder.looking.part()
            self.meet(function)
        sweep()
        self.draws = self.draws or any(type(arg) is types.GeneratorType for arg in args)
        witness = self.witness(*(watched or (function, args, kwargs)))
        slot = self.sample.choose()
        allowance = self.allowance
        task = None
        if slot is not None and (allowance.left_s > 0 or self.costs_nothing(args, kwargs)):
            task = self.keep(slot, index, function, args, kwargs)
        elif witness is None:
            return None, None, None
        # For calls of microseconds the look would be the larger part; if those write, the first ones do.
        written = written_bytes() if witness is not None or self.traced_s > self.tally.calls * _LONG_CALL_S else None
        allowance.spend(time.thread_time() - began)
        return task, witness, written

    def meet(self, function: Function) -> None:
        """The first call: what it enters, and, while it is there, whether it can be sent."""
        self.target = Strong(None, 0)
        try:
            self.target = hold(function)
            self.code = code_of(function)
            if not lasts(self.target):
                self.sample.try_to_send(function)
        except Exception:  # an odd object of the user's that is asked what it is
            self.code = None

    def keep(self, slot: int, index: int, function: Function, args: Arguments, kwargs: Keywords) -> Task | None:
        """The call as a task, put into `slot`; None where it is too much to keep."""
        left_s = max(self.allowance.left_s, _LEAST_CALL_S if len(self.sample.tasks) < LEAST_CALLS else 0.0)
        try:
            limit_s = max(_PICKLE_AT_LEAST_S, left_s)
            task = self.sample.capture(index, function, args, kwargs, limit_s=limit_s, spare_s=left_s)
            if task is not None:
                self.sample.keep(slot, task)
        except Exception:  # what looking into the user's objects may raise is not the user's trouble
            return None
        return task

    def witness(self, function: Function, args: Arguments, kwargs: Keywords) -> Witness | None:
        """A look at what the call can change; the first few calls get one, of whatever is left: safety rests on it."""
        try:
            self.marks.given(function, args, kwargs)
            if self.witnessed >= WITNESS_CALLS:
                return None
            self.witnessed += 1
            recorder = self.recorder
            effects, is_own = recorder.effects, recorder.is_own
            witness = Witness(function, args, kwargs, effects=effects, is_own=is_own, looking=self.looking)
            self.marks.begin(witness)
        except Exception:  # what looking into the user's objects may raise is not the user's trouble
            return None
        return witness

    def costs_nothing(self, args: Arguments, kwargs: Keywords) -> bool:
        """True for calls that are kept even where the allowance is spent: without pickling, and the first ones."""
        return is_immutable(args, kwargs) or len(self.sample.tasks) < LEAST_CALLS

    def after(
        self, task: Task | None, witness: Witness | None, result: object, args: Arguments, kwargs: Keywords
    ) -> None:
        """Record what is known once the call has returned."""
        if type(result) in _DEFERRED or hasattr(type(result), "__await__"):
            self.deferred = True
            return
        began = time.thread_time()
        try:
            self.marks.results.add(result, args, kwargs)
            if witness is not None:
                self.marks.judge(witness, more=self.witnessed < WITNESS_CALLS)
        except Exception:  # as above
            self.witnessed = WITNESS_CALLS
        if task is None or self.allowance.left_s <= 0:
            return
        if self.digesting:
            digested = time.thread_time()
            task.digest = digest(result)
            self.digesting = time.thread_time() - digested < _DIGEST_S
        self.sample.weigh(result)
        self.allowance.spend(time.thread_time() - began)

    def look_at_writes(self, witness: Witness | None, before: int | None) -> None:
        """Note writes that raised no audit event: by native code, or to files that were open already."""
        began = time.thread_time()
        if witness is not None:
            written: list[str] = []
            with contextlib.suppress(Exception):  # as above: nor may it stand in for what the call itself raised
                written = witness.files_written()
            for path in written:
                self.notes.add("file-write", f"writes to {path}, which was open already")
        after = written_bytes()
        if before is not None and after is not None and before < after and not self.notes.seen:
            self.notes.add("file-write", f"wrote {after - before} bytes through native code")
        self.allowance.spend(time.thread_time() - began)

    # --- tasks that run in another process ----------------------------------------------------------

    def note(self, function: Function, args: Arguments, kwargs: Keywords) -> Task | None:
        """Record a task handed to another process: it runs there, so only what is sent is seen."""
        if not self.recorder.recording or self.tally.tick():
            return None
        self.witnessed = WITNESS_CALLS
        return self.before(self.count(), function, args, kwargs)[0]

    def returned(self, task: Task | None, future: Future[Any]) -> None:
        """The result of a noted task has come back."""
        if task is None or not self.recorder.recording or future.cancelled():
            return
        if future.exception() is not None:
            self.sample.drop(task)
        else:
            self.after(task, None, future.result(), (), {})

    # --- the end ----------------------------------------------------------------------------------

    def finish(self) -> None:
        """Settle the count and the sample once the script is over."""
        self.tally.settle()
        callee = None
        with contextlib.suppress(Exception):  # as above
            callee = self.target() if self.target is not None else None
        self.sample.settle(callee)
        self.marks.settle()
