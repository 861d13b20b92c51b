"""A sample of the calls of one site, with what is needed to run them again.

Arguments are pickled at the moment of the call, so that a later mutation cannot reach them; immutable ones are
kept as they are, and of what cannot be pickled a way to the live object is kept (`holding`).
"""

from __future__ import annotations

import collections
import math
import pickle
import random
import time
from typing import TYPE_CHECKING

from .holding import Way, is_gone
from .outline import Turn
from .pickling import TooMuchError, culprit, pickled
from .ways import Ways

if TYPE_CHECKING:
    from .values import Arguments, Function, Keywords

SAMPLE_CALLS = 512  # calls kept a site: enough for 64 workers to run several tasks each
SITE_BYTES = 128 * 2**20  # pickled arguments kept a site
_WEIGHED_RESULTS = 4
_WEIGH_S = 0.5  # what one pickle may take that is made to be weighed only
_LEAST_CALLS = 64  # below, calls recorded before the site was sampled sparsely fill the sample up
_ENOUGH_ALIVE = 0.5  # of the calls kept: fewer than that stand for themselves alone
_IMMUTABLE = frozenset({int, float, str, bytes, bool, complex, type(None)})


class GoneError(Exception):
    """What a call was made on, or with, is there no more: the script has let it go."""


class Task:
    """One recorded call: everything a replay needs."""

    __slots__ = ("args", "data", "digest", "function", "index", "live", "size", "traced_s", "turn")

    def __init__(self, index: int, function: Way) -> None:
        """`function` leads to what was called."""
        self.index = index
        self.function = function
        self.data: bytes | None = None
        self.args: Arguments = ()
        self.live: tuple[list[Way], dict[str, Way]] | None = None
        self.size = 0  # bytes it keeps alive, about, besides those of its turn
        self.turn: Turn | None = None
        self.digest = ""
        self.traced_s: float | None = None

    def load(self) -> tuple[Function, Arguments, Keywords]:
        """A fresh (function, args, kwargs); shared, not fresh, where the arguments are live.

        Raises GoneError where it is not alive.
        """
        if not self.is_alive():
            raise GoneError("the script has let go of what the call needs")
        function = self.function()
        if self.data is not None:
            args, kwargs = pickle.loads(self.data)
            return function, args, kwargs
        if self.live is None:
            return function, self.args, {}
        return function, tuple(way() for way in self.live[0]), {name: way() for name, way in self.live[1].items()}

    def is_alive(self) -> bool:
        """False where the script has let go of what the call needs."""
        ways = (*self.live[0], *self.live[1].values()) if self.live is not None else ()
        return not any(map(is_gone, (self.function, *ways)))


class Sample:
    """A reservoir sample (Vitter's algorithm R): each call offered is as likely as any other to be kept.

    With it goes what sending the calls to another process would take: bytes, seconds, or the error it ends in.
    """

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.bytes = 0
        self.turns: collections.Counter[Turn] = collections.Counter()  # how many tasks keep each alive
        self.early: list[Task] = []
        self.offered = 0
        self.gone = False  # there were calls, and for most of them nothing is left to run them with
        self.ways = Ways(SITE_BYTES)
        self.random = random.Random(0)  # noqa: S311 - no secret; the script's own stream stays untouched
        self.pickle_error: str | None = None
        self.pickle_s: list[float] = []
        self.callee_s = 0.0  # a bound method takes its object along, each time anew
        self.argument_bytes: list[int] = []
        self.result_bytes: list[int] = []

    def choose(self) -> int | None:
        """Slot for the call offered now, or None."""
        self.offered += 1
        if len(self.tasks) < SAMPLE_CALLS:
            return len(self.tasks)
        slot = int(self.random.random() * self.offered)
        return slot if slot < SAMPLE_CALLS else None

    def capture(  # noqa: PLR0913  # a call is three of them
        self, index: int, function: Function, args: Arguments, kwargs: Keywords, *, limit_s: float, spare_s: float
    ) -> Task | None:
        """The call as a task; None where its arguments are too much to keep.

        Pickling them may take `limit_s`; what else is of use is done where `spare_s` are left for it.
        """
        way, size = self.ways.to(function, spare_s)
        task = Task(index, way)
        task.size = size
        task.turn = function if type(function) is Turn else None
        if is_immutable(args, kwargs):
            task.args = args
            size = sum(len(arg) for arg in args if type(arg) in (str, bytes))
            self.argument_bytes.append(size)
            task.size += size
            return task
        began = time.thread_time()
        try:
            task.data = pickled((args, kwargs), SITE_BYTES, limit_s)
            self.argument_bytes.append(len(task.data))
            task.size += len(task.data)
        except TooMuchError:
            return None
        except Exception as error:  # whatever a __reduce__ of the user's raises
            self.pickle_error = self.pickle_error or culprit(error, None, args, kwargs)
            given = [self.ways.to(arg, spare_s) for arg in args]
            named = {name: self.ways.to(arg, spare_s) for name, arg in kwargs.items()}
            task.live = [way for way, _ in given], {name: way for name, (way, _) in named.items()}
            task.size += sum(size for _, size in (*given, *named.values()))
        self.pickle_s.append(time.thread_time() - began)
        return task

    def weigh(self, result: object) -> None:
        """Learn how large results are when they are sent, from the first few."""
        if len(self.result_bytes) < _WEIGHED_RESULTS:
            try:
                self.result_bytes.append(len(pickled(result, SITE_BYTES, _WEIGH_S)))
            except Exception:  # a size that cannot be had is no size
                self.result_bytes.append(0)

    def keep(self, slot: int, task: Task) -> None:
        """Put `task` into `slot`; drop others where the site's bytes run out."""
        tasks = self.tasks
        if slot >= len(tasks):  # another thread may have dropped some meanwhile
            tasks.append(task)
        else:
            replaced, tasks[slot] = tasks[slot], task
            self.uncount(replaced)
        self.bytes += task.size
        if task.turn is not None:
            self.turns[task.turn] += 1
            while len(self.turns) > 1 and sum(turn.size for turn in list(self.turns)) > SITE_BYTES:
                self.lose(next(turn for turn in list(self.turns) if turn is not task.turn))
        while self.bytes > SITE_BYTES and len(tasks) > 1:
            self.uncount(tasks.pop(int(self.random.random() * len(tasks))))

    def lose(self, turn: Turn) -> None:
        """Forget all tasks that are turns of one run of a loop, with what those are given."""
        self.bytes -= sum(task.size for task in self.tasks if task.turn is turn)
        self.tasks[:] = [task for task in self.tasks if task.turn is not turn]
        self.turns.pop(turn, None)  # another thread may have been faster

    def uncount(self, task: Task) -> None:
        """`task` is kept no more."""
        self.bytes -= task.size
        if task.turn is not None:
            self.turns[task.turn] -= 1
            if self.turns[task.turn] <= 0:
                self.turns.pop(task.turn, None)

    def drop(self, task: Task) -> None:
        """Forget `task`: a call that raised is not run again."""
        if task in self.tasks:
            self.tasks.remove(task)
            self.uncount(task)

    def unevenness(self) -> float | None:
        """Relative standard deviation of the calls' traced seconds; None where they ran in another process."""
        seconds = [task.traced_s for task in self.tasks if task.traced_s is not None]
        mean_s = sum(seconds) / len(seconds) if seconds else 0.0
        if mean_s <= 0:
            return None
        return math.sqrt(sum((each - mean_s) ** 2 for each in seconds) / len(seconds)) / mean_s

    def longest_ratio(self) -> float | None:
        """Traced seconds of the longest call over their mean, but for the very first, which warms up; None as above."""
        seconds = [task.traced_s for task in self.tasks if task.traced_s is not None and task.index > 0]
        mean_s = sum(seconds) / len(seconds) if seconds else 0.0
        return max(seconds) / mean_s if mean_s > 0 else None

    def spread(self, count: int) -> list[Task]:
        """`count` tasks in order of the calls, short and long ones as in the sample; some twice where it has less.

        Even steps over the tasks in order of their traced seconds, which rank calls rightly though they are too long.
        """
        kept = len(self.tasks)
        again, rest = divmod(count, kept)
        ranked = sorted(range(kept), key=lambda place: self.tasks[place].traced_s or 0.0)
        places = sorted(ranked[(2 * step + 1) * kept // (2 * rest)] for step in range(rest))
        return self.tasks * again + [self.tasks[place] for place in places]

    def restart(self, offered: int) -> None:
        """Sample sparsely from here on: the calls so far count as `offered`, and are kept aside."""
        self.early, self.tasks = self.tasks, self.tasks[:1]
        self.turns = collections.Counter(task.turn for task in self.tasks if task.turn is not None)
        self.bytes = sum(task.size for task in self.tasks)
        self.offered = offered

    def settle(self, callee: Function | None) -> None:
        """The script is over: fill up a small sample, in order of the calls; see whether `callee` can be sent."""
        chosen = {task.index for task in self.tasks}
        spare = [task for task in self.early if task.index not in chosen]
        self.tasks += self.random.sample(spare, max(0, min(len(spare), _LEAST_CALLS - len(self.tasks))))
        self.tasks.sort(key=lambda task: task.index)
        self.early = []
        self.ways.clear()
        alive = [task for task in self.tasks if task.is_alive()]
        self.gone = len(alive) < _ENOUGH_ALIVE * len(self.tasks)
        self.tasks = [] if self.gone else alive
        if callee is not None and self.tasks:
            self.try_to_send(callee)

    def try_to_send(self, callee: Function) -> None:
        """See whether `callee` can be sent to another process, and how long that takes."""
        if self.pickle_error is not None:
            return
        began = time.thread_time()
        try:
            pickled(callee, SITE_BYTES, _WEIGH_S)
        except TooMuchError:
            pass
        except Exception as error:  # a lambda, a closure, a bound method of what cannot be pickled
            self.pickle_error = culprit(error, callee, (), {})
        self.callee_s = time.thread_time() - began


def is_immutable(args: Arguments, kwargs: Keywords) -> bool:
    """True where the arguments can be kept as they are."""
    return not kwargs and _IMMUTABLE.issuperset(map(type, args))
