"""The stage: the finished script, still alive, forks itself for each trial that the host asks for."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import json
import os
import signal
import sys
import time
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from . import guard, meter, stacks
from .lines import run_lines
from .native import run_native
from .polling import readable
from .rewitness import run_witness
from .trial import run_trial

if TYPE_CHECKING:
    from .instrument import Instrumenter
    from .recorder import Recorder
    from .values import Value

_POLL_S = 0.05  # how soon the death of a copy is seen; its report is read at once
_MEMORY_POLL_S = 0.01
_LOOK_S = 0.25  # how often a copy's processes and memory are looked at, by counts that cost it nothing
_MOST_PROCESSES = 64  # a copy may have, besides four a worker: a pool in each task is possible, a fork bomb is not
_GRACE_S = 0.2
_REAP_S = 5.0
_READ_BYTES = 1 << 16
_PR_SET_CHILD_SUBREAPER = 36

Message = dict[str, Any]
_WORK: dict[str, Callable[..., Message]] = {
    "trial": run_trial,
    "lines": run_lines,
    "native": run_native,
    "witness": run_witness,
}


class Channel:
    """Lines of JSON to and from the host."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.fds = (read_fd, write_fd)
        self.rest = b""
        for fd in self.fds:
            os.set_inheritable(fd, False)

    def receive(self) -> Message | None:
        """The next message, or None where the host has gone."""
        while b"\n" not in self.rest:
            part = os.read(self.fds[0], _READ_BYTES)
            if not part:
                return None
            self.rest += part
        line, self.rest = self.rest.split(b"\n", 1)
        message: Message = json.loads(line)
        return message

    def send(self, message: Message) -> bool:
        """Send one message; False where the host has gone."""
        data = json.dumps(message).encode() + b"\n"
        try:
            _write_all(self.fds[1], data)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let go of both ends; safe to call twice, since their numbers may be others' by then."""
        fds, self.fds = self.fds, (-1, -1)
        for fd in fds:
            with contextlib.suppress(OSError):
                os.close(fd)


class Stage:
    """Serves trials until the host says end, or has gone."""

    def __init__(
        self,
        channel: Channel,
        recorder: Recorder,
        instrumenter: Instrumenter,
        is_own: Callable[[str], bool],
        *,
        replay_effects: bool,
    ) -> None:
        self.channel = channel
        self.sites = recorder.sites
        self.effects = recorder.effects
        self.instrumenter = instrumenter
        self.is_own = is_own
        self.replay_effects = replay_effects
        self.functions: list[types.FunctionType] = []
        self.caches: list[Any] = []
        self.report_fd = -1
        self.stacks: stacks.Pipes
        self.has_children = False

    def serve(self) -> None:
        """Answer orders one by one."""
        self.prepare()
        while (order := self.channel.receive()) is not None and order["op"] != "end":
            if not self.channel.send(self.fork(_WORK[order["op"]], order)):
                return

    def prepare(self) -> None:
        """Put the user's own code back in place, and freeze what every fork will share.

        Frozen objects can no longer be listed, so what copies will look for is listed here.
        """
        guard.prepare()
        stacks.disarm()
        if sys.platform.startswith("linux"):  # what a trial leaves behind comes to us, to be ended
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        things = gc.get_objects()
        functions = [thing for thing in things if type(thing) is types.FunctionType]
        self.instrumenter.restore(functions)
        self.functions = [function for function in functions if self.is_own(function.__code__.co_filename)]
        self.caches = [thing for thing in things if type(thing) is functools._lru_cache_wrapper and self.owns(thing)]
        self.effects.open_files.positions()
        del things, functions
        gc.collect()
        gc.freeze()

    def owns(self, cache: Value) -> bool:
        """True for an `lru_cache` of the user's own code."""
        code = getattr(cache.__wrapped__, "__code__", None)
        return code is not None and self.is_own(code.co_filename)

    def lock(self, *, forks: bool) -> guard.Lock | None:
        """In a copy, before any of the user's code: refuse side effects from here on, and empty its caches.

        None where the user consented to effects.
        """
        lock = None
        if not self.replay_effects:
            lock = guard.Lock(self.effects)
            lock.close({self.report_fd, *self.stacks.fds}, has_children=self.has_children, forks=forks)
        for cache in self.caches:  # a warm one is not what run 1 had; what it lets go may run the user's code
            cache.cache_clear()
        return lock

    def fork(self, work: Callable[..., Message], order: Message) -> Message:
        """Run `work` in a forked copy; its report, or what became of it."""
        _flush()
        stage = os.getpid()
        others = set(meter.descendants(stage))
        self.has_children = len(others) > 1
        read_end, self.report_fd = os.pipe()
        self.stacks = stacks.Pipes(order.get("processes", 1))
        began = time.perf_counter()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            self.stacks.close_readers()
            self.be_the_copy(functools.partial(work, self.sites.get(order["site"]), order, self), stage, order)
        os.close(self.report_fd)
        self.stacks.close_writers()
        seen = self.follow(child, read_end, order, stage)
        if not seen.done and not seen.excess:
            stacks.expect(self.stacks)
        status = _end(child)
        _end_leftovers(stage, others)
        report = _judge(seen, status, order)
        self.learn(order["site"], report.pop("digests", {}))
        if not seen.done:
            report["stacks"] = stacks.read(self.stacks, self.is_own)
            report["cpu_s"] = seen.cpu_s
        os.close(read_end)
        self.stacks.close_readers()
        report["elapsed_s"] = time.perf_counter() - began
        if seen.peak is not None:
            report["peak_pss_bytes"] = seen.peak
        return report

    def learn(self, site: str, digests: dict[str, str]) -> None:
        """What tasks of `site` leave behind when they run alone, by their numbers: later copies know it."""
        for task in self.sites[site].sample.tasks if digests else ():
            task.digest = task.digest or digests.get(str(task.index), "")

    def be_the_copy(self, work: Callable[[], Message], stage: int, order: Message) -> NoReturn:
        """The forked copy: never returns."""
        code = 1
        try:
            guard.isolate(stage)
            guard.cap_memory(order.get("memory_cap_bytes", 0))
            stacks.want(self.stacks, order["timeout_s"])
            _write_all(self.report_fd, json.dumps(work()).encode() + b"\n")
            code = 0
        finally:
            os._exit(code)

    @staticmethod
    def follow(child: int, read_end: int, order: Message, stage: int) -> Seen:
        """Read the report until it is whole, the copy has ended or the time is up; on the way, memory if asked for.

        The pipe's own end tells nothing: a process that a task left behind may hold it.
        """
        ends = time.monotonic() + order["timeout_s"]
        look = time.monotonic() + _LOOK_S
        seen = Seen()
        while (left := ends - time.monotonic()) > 0:
            if order.get("memory"):
                now = meter.tree_memory(child, stage)
                seen.peak = max(seen.peak or 0, now) if now is not None else seen.peak
            if time.monotonic() > look:
                look += _LOOK_S
                seen.excess = _excess(child, order)
                if seen.excess:
                    break
            ended = _has_ended(child)
            poll_s = _MEMORY_POLL_S if order.get("memory") else _POLL_S
            if readable([read_end], 0 if ended else min(left, poll_s)):
                part = os.read(read_end, _READ_BYTES)
                seen.data += part
                ended = ended and not part
            if seen.data.endswith(b"\n") or ended:
                seen.done = True
                return seen
        while not seen.excess and readable([read_end], 0) and (part := os.read(read_end, _READ_BYTES)):
            seen.data += part  # the copy was in time, and it was this process that came late
        seen.done = seen.data.endswith(b"\n")
        seen.cpu_s = sum(meter.cpu_s(pid) for pid in meter.descendants(child))
        return seen


class Seen:
    """What the stage saw of a copy: its report, peak bytes of the tree, and how it came to an end, if it did."""

    def __init__(self) -> None:
        self.data = b""
        self.peak: int | None = None
        self.done = False
        self.excess = ""
        self.cpu_s = 0.0


def _excess(child: int, order: Message) -> str:
    """What a copy takes more of than any replay should, "" where nothing."""
    processes = len(meter.descendants(child))
    workers = order.get("processes", 1) * order.get("threads_per_process", 1)
    if processes > _MOST_PROCESSES + 4 * workers:
        return f"it started process after process ({processes} at once)"
    floor = order.get("memory_floor_bytes", 0)
    available = meter.available_bytes(order.get("memory_groups", ())) if floor else None
    if available is not None and available < floor:
        return f"it used up the machine's memory ({available / 1e6:,.0f} MB were left)"
    return ""


def _judge(seen: Seen, status: int, order: Message) -> Message:
    """What became of a copy; the fields of every kind of work where it did not say."""
    if seen.done and seen.data.endswith(b"\n"):
        report: Message = json.loads(seen.data)
        return report
    nothing: Message = {"wall_s": None, "lines": [], "pools": []}
    if seen.excess:
        return {**nothing, "outcome": "failed", "error": f"stopped: {seen.excess}"}
    if not seen.done:
        return {**nothing, "outcome": "timed_out", "error": f"not done after {order['timeout_s']:.1f} s"}
    how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit status {os.WEXITSTATUS(status)}"
    return {**nothing, "outcome": "failed", "error": f"the forked copy ended by {how}"}


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _has_ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _end(child: int) -> int:
    """Kill what is left of the copy's process group, then reap the copy; its wait status."""
    ends = time.monotonic() + _GRACE_S
    while time.monotonic() < ends and not _has_ended(child):
        time.sleep(0.001)
    for kill in (os.killpg, os.kill):  # the group may not exist yet, the copy may not lead it
        with contextlib.suppress(OSError):
            kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _end_leftovers(stage: int, others: set[int]) -> None:
    """Kill and reap processes that left the copy's group: they have become our children."""
    ends = time.monotonic() + _REAP_S
    while (left := set(meter.descendants(stage)) - others) and time.monotonic() < ends:
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.001)


def _flush() -> None:
    """Nothing buffered may be in two processes."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a stream of the user's own, perhaps closed, perhaps None
            stream.flush()
