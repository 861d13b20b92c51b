"""The stage: the finished script, still alive, forks itself for each trial that the host asks for."""

import contextlib
import functools
import gc
import json
import os
import select
import signal
import sys
import time
import types

from . import guard, meter
from .lines import run_lines
from .native import run_native
from .trial import run_trial

_MEMORY_POLL_S = 0.01
_GRACE_S = 0.2


class Channel:
    """Lines of JSON to and from the host."""

    def __init__(self, read_fd, write_fd):
        self.read_fd = read_fd
        self.write_fd = write_fd
        self.rest = b""
        for fd in (read_fd, write_fd):
            os.set_inheritable(fd, False)

    def receive(self):
        """The next message, or None where the host has gone."""
        while b"\n" not in self.rest:
            part = os.read(self.read_fd, 65536)
            if not part:
                return None
            self.rest += part
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def send(self, message):
        """Send one message; False where the host has gone."""
        data = json.dumps(message).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self.write_fd, data) :]
        except BrokenPipeError:
            return False
        return True

    def close(self):
        for fd in (self.read_fd, self.write_fd):
            os.close(fd)


class Stage:
    """Serves trials until the host says end, or has gone."""

    def __init__(self, channel, recorder, instrumenter, is_own, *, replay_effects):
        self.channel = channel
        self.sites = recorder.sites
        self.effects = recorder.effects
        self.instrumenter = instrumenter
        self.is_own = is_own
        self.replay_effects = replay_effects

    def serve(self):
        """Answer orders one by one."""
        self.prepare()
        while (order := self.channel.receive()) is not None and order["op"] != "end":
            work = {"trial": run_trial, "lines": run_lines, "native": run_native}[order["op"]]
            if not self.channel.send(self.fork(work, order)):
                return

    def prepare(self):
        """Put the user's own code back in place, and freeze what every fork will share."""
        guard.prepare()
        functions = [thing for thing in gc.get_objects() if type(thing) is types.FunctionType]
        self.instrumenter.restore(functions)
        gc.collect()
        gc.freeze()

    def fork(self, work, order):
        """Run `work` in a forked copy; its report, or what became of it."""
        _flush()
        read_end, write_end = os.pipe()
        stage = os.getpid()
        began = time.perf_counter()
        child = os.fork()
        if child == 0:
            self.be_the_copy(functools.partial(work, self.sites.get(order["site"]), order, self), stage, write_end)
        os.close(write_end)
        data, peak, done = self.follow(child, read_end, order, stage)
        os.close(read_end)
        status = _end(child)
        report = self.judge(data, done, status, order)
        report["elapsed_s"] = time.perf_counter() - began
        if peak is not None:
            report["peak_pss_bytes"] = peak
        return report

    def be_the_copy(self, work, stage, write_end):
        """The forked copy: never returns."""
        code = 1
        try:
            guard.isolate(stage)
            guard.clear_caches(self.is_own)
            data = json.dumps(work()).encode()
            while data:
                data = data[os.write(write_end, data) :]
            code = 0
        finally:
            os._exit(code)

    def follow(self, child, read_end, order, stage):
        """Read the report until it is whole or the time is up; on the way, memory if asked for."""
        ends = time.monotonic() + order["timeout_s"]
        chunks, peak = [], None
        while (left := ends - time.monotonic()) > 0:
            if order.get("memory"):
                left = min(left, _MEMORY_POLL_S)
                now = meter.tree_memory(child, stage)
                peak = max(peak or 0, now) if now is not None else peak
            if select.select([read_end], [], [], left)[0]:
                part = os.read(read_end, 1 << 16)
                if not part:
                    return b"".join(chunks), peak, True
                chunks.append(part)
        return b"".join(chunks), peak, False

    @staticmethod
    def judge(data, done, status, order):
        if done and data:
            return json.loads(data)
        if not done:
            return {"outcome": "timed_out", "error": f"not done after {order['timeout_s']:.1f} s", "wall_s": None, "lines": [], "pools": []}
        how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit status {os.WEXITSTATUS(status)}"
        return {"outcome": "failed", "error": f"the forked copy ended by {how}", "wall_s": None, "lines": [], "pools": []}


def _end(child):
    """Kill what is left of the copy's process group, then reap the copy; its wait status."""
    ends = time.monotonic() + _GRACE_S
    while time.monotonic() < ends and os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        time.sleep(0.001)
    for kill in (os.killpg, os.kill):  # the group may not exist yet, the copy may not lead it
        with contextlib.suppress(ProcessLookupError):
            kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _flush():
    """Nothing buffered may be in two processes."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: S112 - a stream of the user's own, perhaps closed
            continue
