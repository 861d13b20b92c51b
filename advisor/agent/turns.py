"""A loop whose turns are recorded where they run: what each is given, what it changes, how long it takes."""

from __future__ import annotations

import _thread
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from .outline import Plan, Turn, is_container, start_of
from .site import LEAST_CALLS, WITNESS_CALLS, Site
from .witness import VARIABLE

if TYPE_CHECKING:
    from .recorder import Recorder
    from .sample import Task
    from .values import Function, Value
    from .witness import Witness


class _Open:
    """A turn under way."""

    __slots__ = ("began", "frame", "left_s", "raised", "task", "thread", "witness", "written")

    def __init__(self, frame: FrameType, task: Task | None, witness: Witness | None, written: int | None) -> None:
        self.frame = frame
        self.thread = _thread.get_ident()
        self.task = task
        self.witness = witness
        self.written = written
        self.raised = sys.exc_info()[1]  # of a handler around the loop
        self.left_s = 0.0
        self.began = 0.0


class Turns(Site):
    """The turns of one loop. `make(globals)` gives the loop as a function."""

    def __init__(
        self, recorder: Recorder, where: dict[str, Any], plan: Plan, make: Callable[[dict[str, Any]], Function]
    ) -> None:
        super().__init__(recorder, where)
        self.plan = plan
        self.make = make
        self.function: Function | None = None
        self.turn: Turn | None = None
        self.failed = False
        self.open: dict[int, _Open] = {}
        self.enter_name, self.leave_name = f"_advisor_enter_{self.id}", f"_advisor_leave_{self.id}"
        self.open_name = f"_advisor_open_{self.id}"

    def enter(self) -> None:
        """A turn that is looked at begins in the frame that calls this."""
        if not self.recorder.recording or self.failed:
            return
        index = self.count()
        self.forget_broken_off()
        if _thread.get_ident() in self.inside:  # a turn inside a turn of the same loop is no task by itself
            return
        try:
            self.begin(index, sys._getframe(1))
        except Exception:  # what an odd object of the user's raises here is not the user's trouble
            self.failed = True

    def forget_broken_off(self) -> None:
        """Let go of a comprehension's element that raised: nobody told us, but its frame runs no more."""
        opened = self.open.get(_thread.get_ident())
        frame: FrameType | None = sys._getframe(2) if opened is not None else None
        while opened is not None and frame is not opened.frame:
            if frame is None:
                self.close(opened)
                if opened.task is not None:
                    self.sample.drop(opened.task)
                return
            frame = frame.f_back

    def close(self, opened: _Open) -> None:
        """The turn is under way no more."""
        del self.open[opened.thread]
        self.inside.discard(opened.thread)
        stack = self.recorder.effects.stack()
        if self.notes in stack:
            stack.remove(self.notes)

    def begin(self, index: int, frame: FrameType) -> None:
        """Record what is known before the turn."""
        began = time.thread_time()
        turn = self.turn_in(frame)
        self.allowance.spend(time.thread_time() - began)
        known = self.known(index, frame, turn) if turn is not None else (None, None, None)
        opened = _Open(frame, *known)
        self.inside.add(opened.thread)
        self.most_inside = max(self.most_inside, len(self.inside))
        self.recorder.effects.stack().append(self.notes)
        opened.left_s = self.recorder.allowance.left_s
        self.open[opened.thread] = opened
        opened.began = time.perf_counter()

    def known(self, index: int, frame: FrameType, turn: Turn) -> tuple[Task | None, Witness | None, int | None]:
        """What `before` tells of a turn."""
        items = [_value(frame, name) for name in self.plan["items"]]
        item = items[0] if len(items) == 1 else tuple(items) if items else None
        fixed = turn.fixed
        named = zip((*self.plan["items"], *fixed), (*items, *fixed.values()), strict=True)
        seen = {f"{VARIABLE}{name}": value for name, value in named}
        return self.before(index, turn, (item,), {}, (turn.__wrapped__, (), seen))

    def turn_in(self, frame: FrameType) -> Turn | None:
        """The loop as a function with what all its turns read; another one where any of that is another object.

        None where another is needed, and the allowance is spent.
        """
        if self.function is None:
            self.function = self.make(frame.f_globals)
        fixed = {name: _value(frame, name) for name in self.plan["fixed"]}
        if self.turn is None or not self.turn.has(fixed):
            if self.allowance.left_s <= 0 and len(self.sample.tasks) >= LEAST_CALLS:
                return None
            starts = {name: start_of(kind, _value(frame, name)) for name, kind in self.plan["accumulators"]}
            for name, kind in self.plan["accumulators"]:
                if kind != "value" and not is_container(_value(frame, name)):  # a hash is fed in order
                    self.marks.mutated.add(f"{VARIABLE}{name}")
            self.turn = Turn(self.function, fixed, self.plan["sent"], starts, self.turn)
        return self.turn

    def leave(self) -> None:
        """The turn under way in the frame that calls this, if it is one that is looked at, has ended."""
        self.end(sys._getframe(1), time.perf_counter())

    def end(self, frame: FrameType, ended: float) -> None:
        """Record what is known after the turn."""
        opened = self.open.get(_thread.get_ident())
        if opened is None or opened.frame is not frame:
            return
        self.close(opened)
        took_s = ended - opened.began
        self.traced_s += took_s * self.tally.period
        if opened.witness is not None or opened.written is not None:
            self.look_at_writes(opened.witness, opened.written)
        if sys.exc_info()[1] is not opened.raised:  # the turn raised: it is not run again
            if opened.task is not None:
                self.sample.drop(opened.task)
            return
        if opened.task is not None:
            opened.task.traced_s = took_s - (opened.left_s - self.recorder.allowance.left_s)
        if opened.witness is not None:
            self.judge(opened.witness)

    def judge(self, witness: Witness) -> None:
        """Note what the turn changed."""
        began = time.thread_time()
        try:
            self.marks.judge(witness, more=self.witnessed < WITNESS_CALLS)
        except Exception:  # as above
            self.failed = True
        self.recorder.allowance.spend(time.thread_time() - began)


def _value(frame: FrameType, name: str) -> Value:
    """What `name` is in a frame; None where it is not set."""
    here = frame.f_locals
    return here[name] if name in here else frame.f_globals.get(name)
