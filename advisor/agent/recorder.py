"""The recorder: a sample of the calls of each hot site, with what is needed to run them again.

A site keeps a reservoir sample (Vitter's algorithm R) of its calls. Arguments are pickled at the moment of
the call, so that a later mutation cannot reach them; immutable ones are kept as they are, and what cannot be
pickled is kept as a live reference and marked so.
"""

import _thread
import builtins
import functools
import inspect
import itertools
import pickle
import random
import time
import types

from .digest import digest
from .effects import written_bytes

SAMPLE_CALLS = 512  # calls kept a site: enough for 64 workers to run several tasks each
SITE_BYTES = 128 * 2**20  # pickled arguments kept a site
WITNESS_CALLS = 4  # calls whose arguments, globals and writes are compared before and after
OFF_AFTER_CALLS = 2_000  # a site called this often ...
OFF_BELOW_S = 100e-6  # ... for less than this each is sampled from then on
OFF_PERIOD = 1_024  # one call in so many
_RECENT_RESULTS = 8
_DIGEST_S = 0.05  # a result that takes longer than this to digest is not digested again at its site
_IMMUTABLE = (int, float, str, bytes, bool, complex, type(None))
_DEFERRED = (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)


class Task:
    """One recorded call: everything a replay needs."""

    __slots__ = ("args", "data", "digest", "function", "index", "kwargs")

    def __init__(self, index, function):
        self.index = index
        self.function = function
        self.data = None
        self.args = self.kwargs = None
        self.digest = ""

    def load(self):
        """A fresh (function, args, kwargs); shared, not fresh, where the arguments are kept live."""
        if self.data is None:
            return self.function, self.args, self.kwargs
        args, kwargs = pickle.loads(self.data)
        return self.function, args, kwargs

    @property
    def size(self):
        """Bytes the kept arguments take, as far as known."""
        if self.data is not None:
            return len(self.data)
        return sum(len(arg) for arg in self.args if type(arg) in (str, bytes))


class Allowance:
    """How long recording may take in all; what is over is not recorded, and the script goes on."""

    def __init__(self, seconds):
        self.left_s = seconds

    def spend(self, seconds):
        self.left_s -= seconds


class Site:
    """One call expression of the user's code, or one pool."""

    numbers = itertools.count(1)

    def __init__(self, recorder, *, file, line, end_line, column, function, callee, in_loop, kind="call"):
        self.recorder = recorder
        self.id = f"c{next(self.numbers)}"
        self.where = {
            "file": file,
            "line": line,
            "end_line": end_line,
            "column": column,
            "function": function,
            "callee": callee,
            "in_loop": in_loop,
            "kind": kind,
        }
        self.wrap_name = f"__advisor_wrap_{self.id}"
        self.tick_name = f"__advisor_tick_{self.id}"
        self.tick = itertools.repeat(0).__next__
        self.period = 1
        self.calls = 0
        self.traced_s = 0.0
        self.sample = []
        self.early = []
        self.offered = 0
        self.bytes = 0
        self.target = None
        self.deferred = False
        self.current = None
        self.threads = set()
        self.pickle_error = None
        self.pickle_s = 0.0
        self.argument_bytes = []
        self.result_bytes = []
        self.reused = 0
        self.recent = []
        self.mutated = {}
        self.touched = {}
        self.notes = {}
        self.digesting = True
        self.random = random.Random(0)  # noqa: S311 - a reservoir, not a secret; the script's own stream stays untouched

    # --- the path of every call -------------------------------------------------------------------

    def wrap(self, function):
        """What the rewritten source calls in place of `function`."""
        if not self.recorder.recording or self.recorder.passes_by(function):
            return function
        if function is map:
            return self.map
        return functools.partial(self.call, function)

    def map(self, function, *iterables):
        """The builtin `map`: its function is the task, not the call of `map`."""
        self.where.update(callee=getattr(function, "__qualname__", "map"), in_loop=True)
        return map(functools.partial(self.call, function), *iterables)

    def call(self, function, /, *args, **kwargs):
        """Run one call of the user's and record it."""
        if not self.recorder.recording:
            return function(*args, **kwargs)
        task, witness = self.before(function, args, kwargs)
        effects = self.recorder.effects
        effects.enter(self.notes)
        began = time.perf_counter()
        try:
            result = function(*args, **kwargs)
        finally:
            self.traced_s += (time.perf_counter() - began) * self.period
            effects.leave()
        self.after(task, witness, result)
        return result

    def before(self, function, args, kwargs):
        index = self.calls
        self.calls = index + self.period
        if self.target is None:
            self.target = function
        self.threads.add(_thread.get_ident())
        if index == OFF_AFTER_CALLS and self.period == 1:
            self.slow_down()
        self.look_for_reuse(args, kwargs)
        slot = self.choose()
        if slot is None or self.recorder.allowance.left_s <= 0:
            return None, None
        began = time.perf_counter()
        task = self.capture(Task(index, function), args, kwargs)
        self.keep(slot, task)
        witness = Witness(function, args, kwargs) if index < WITNESS_CALLS else None
        self.recorder.allowance.spend(time.perf_counter() - began)
        return task, witness

    def after(self, task, witness, result):
        if isinstance(result, _DEFERRED) or inspect.isawaitable(result):
            self.deferred = True
            return
        self.remember(result)
        if task is None or self.recorder.allowance.left_s <= 0:
            return
        began = time.perf_counter()
        if witness is not None:
            self.judge(witness)
        if self.digesting:
            task.digest = digest(result)
            self.digesting = time.perf_counter() - began < _DIGEST_S
        if len(self.result_bytes) < WITNESS_CALLS:
            self.result_bytes.append(_pickled_size(result))
        self.recorder.allowance.spend(time.perf_counter() - began)

    def note(self, function, args, kwargs):
        """Record a task handed to another process: it runs there, so only what is sent is seen."""
        if not self.recorder.recording:
            return None
        return self.before(function, args, kwargs)[0]

    def returned(self, task, future):
        """The result of a noted task has come back."""
        if task is None or not self.recorder.recording or future.cancelled() or future.exception() is not None:
            return
        self.after(task, None, future.result())

    # --- the sample -------------------------------------------------------------------------------

    def choose(self):
        """Slot of the reservoir for this call, or None."""
        self.offered += 1
        if len(self.sample) < SAMPLE_CALLS:
            return len(self.sample)
        slot = self.random.randrange(self.offered)
        return slot if slot < len(self.sample) else None

    def keep(self, slot, task):
        if slot == len(self.sample):
            self.sample.append(task)
        else:
            self.bytes -= self.sample[slot].size
            self.sample[slot] = task
        self.bytes += task.size
        while self.bytes > SITE_BYTES and len(self.sample) > 1:
            self.bytes -= self.sample.pop(self.random.randrange(len(self.sample))).size

    def capture(self, task, args, kwargs):
        if not kwargs and all(type(arg) in _IMMUTABLE for arg in args):
            task.args, task.kwargs = args, kwargs
            if len(self.argument_bytes) < SAMPLE_CALLS:
                self.argument_bytes.append(task.size)
            return task
        began = time.perf_counter()
        try:
            task.data = pickle.dumps((args, kwargs), protocol=pickle.HIGHEST_PROTOCOL)
            self.argument_bytes.append(len(task.data))
        except Exception as error:  # whatever a __reduce__ of the user's raises
            self.pickle_error = f"{type(error).__name__}: {error}"
            task.args, task.kwargs = args, kwargs
        self.pickle_s += time.perf_counter() - began
        return task

    def slow_down(self):
        """Sample from now on where calls are too many and too short to be recorded one by one."""
        if self.traced_s / OFF_AFTER_CALLS > OFF_BELOW_S or self.recorder.pools_running:
            return
        self.period = OFF_PERIOD
        self.calls += OFF_PERIOD - 1
        self.early, self.sample = self.sample, self.sample[:1]
        self.offered = OFF_AFTER_CALLS // OFF_PERIOD + 1
        self.tick = itertools.cycle((1,) * (OFF_PERIOD - 1) + (0,)).__next__
        setattr(builtins, self.tick_name, self.tick)

    def finish(self):
        """Settle the count and the sample once the script is over."""
        if self.period > 1:
            passed = next(n for n in itertools.count() if not self.tick())
            # `calls` already counts the whole period under way; take off what of it did not happen.
            self.calls -= passed
            self.tick = itertools.repeat(1).__next__
            setattr(builtins, self.tick_name, self.tick)
        if len(self.sample) < SAMPLE_CALLS // 8:
            chosen = {task.index for task in self.sample}
            spare = [task for task in self.early if task.index not in chosen]
            self.sample += self.random.sample(spare, min(len(spare), SAMPLE_CALLS // 8 - len(self.sample)))
        self.sample.sort(key=lambda task: task.index)
        self.early = []
        self.recent = []

    # --- witnesses --------------------------------------------------------------------------------

    def look_for_reuse(self, args, kwargs):
        if not self.recent:
            return
        for value in _one_level(args, kwargs):
            if any(value is result for result in self.recent):
                self.reused += 1
                return

    def remember(self, result):
        """Keep what later arguments could be made of: the result and what lies directly in it."""
        fresh = [value for value in _one_level((result,), {}) if _has_identity(value)]
        self.recent = (fresh + self.recent)[: _RECENT_RESULTS]

    def judge(self, witness):
        """Note what the call changed; an argument counts once two calls have changed the same object."""
        for name, owner in witness.changes():
            if owner is None or self.touched.get(name, self) is owner:
                self.mutated[name] = True
            elif name not in self.touched:
                self.touched[name] = owner
        written = witness.written()
        if written > 0 and not any(kind != "safe" for kind, _ in self.notes):
            self.notes["file-write", f"wrote {written} bytes through native code"] = 1


class Witness:
    """What a call could change, before it: arguments, the object it is bound to, globals it names, cells, bytes written."""

    def __init__(self, function, args, kwargs):
        self.watched = [(f"argument {place + 1}", value) for place, value in enumerate(args)]
        self.watched += [(f"argument {name!r}", value) for name, value in kwargs.items()]
        bound = getattr(function, "__self__", None)
        if bound is not None and not isinstance(bound, (types.ModuleType, type)):
            self.watched.append(("self", bound))
        code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
        self.names = _named_globals(function, code) + _cells(function, code)
        self.digests = [digest(value) for _, value in self.watched]
        self.name_digests = [digest(read()) for _, read in self.names]
        self.written_before = written_bytes()

    def changes(self):
        """(name, object) of each thing that differs now; object is None where it is shared by nature."""
        for (name, value), before in zip(self.watched, self.digests, strict=True):
            if before and digest(value) not in (before, ""):
                yield name, value
        for (name, read), before in zip(self.names, self.name_digests, strict=True):
            if before and digest(read()) not in (before, ""):
                yield name, None

    def written(self):
        after = written_bytes()
        return 0 if after is None or self.written_before is None else after - self.written_before


def _named_globals(function, code):
    if code is None:
        return []
    space = getattr(inspect.unwrap(function), "__globals__", {})
    names = [name for name in code.co_names if name in space and _is_data(space[name])]
    return [(f"global {name}", functools.partial(space.get, name)) for name in names]


def _cells(function, code):
    closure = getattr(function, "__closure__", None) or ()
    if code is None or len(closure) != len(code.co_freevars):
        return []
    cells = zip(code.co_freevars, closure, strict=True)
    return [(f"enclosing variable {name}", functools.partial(_cell_value, cell)) for name, cell in cells]


def _cell_value(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _is_data(value):
    return not isinstance(value, (types.ModuleType, type)) and not callable(value)


def _one_level(args, kwargs):
    for value in (*args, *kwargs.values()):
        yield value
        if type(value) in (list, tuple) and len(value) <= _RECENT_RESULTS:
            yield from value
        elif type(value) is dict and len(value) <= _RECENT_RESULTS:
            yield from value.values()


def _has_identity(value):
    """True for values that being the same object says something about: not singletons, small or interned ones."""
    if value is None or isinstance(value, (bool, types.ModuleType, type)) or callable(value):
        return False
    if type(value) is int:
        return not -5 <= value <= 256  # CPython keeps one object for each of these
    if type(value) in (str, bytes, tuple):
        return len(value) > 3
    return True


def _pickled_size(value):
    try:
        return len(pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL))
    except Exception:  # noqa: S110 - a size that cannot be had is no size
        return 0


class Recorder:
    """All sites of this interpreter."""

    def __init__(self, effects, allowance_s):
        self.effects = effects
        self.allowance = Allowance(allowance_s)
        self.sites = {}
        self.recording = True
        self.pools_running = False
        self.passed_by = set()

    def passes_by(self, function):
        """True for the methods of pools: what they are given is the task, not their own call."""
        return type(function) is types.MethodType and function.__func__ in self.passed_by

    def new_site(self, **where):
        """Register a site; the instrumenter and the pools call this."""
        site = Site(self, **where)
        self.sites[site.id] = site
        return site

    def stop(self):
        """The script is over: record nothing more."""
        self.recording = False
        self.effects.mode = "off"
        for site in self.sites.values():
            site.finish()
