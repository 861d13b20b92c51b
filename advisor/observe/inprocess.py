"""The file of `advisor.agent.sampler` as the same time line and profiles py-spy would have given."""

from __future__ import annotations

import json
import platform
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from advisor.model.observation import Frame, Stack
from advisor.observe.kernel import KernelSample
from advisor.observe.procfs import AddressRange, SystemCall, interpreter_data, system_call
from advisor.observe.pyspy import Profile, ThreadKey, Timeline, Track
from advisor.observe.syscalls import WAIT_BY, WaitBy, calls_of
from advisor.observe.taskfiles import ThreadPoint
from advisor.observe.waits import wait_kind

# A look of the sampler's at a thread tells what the kernel's samples so near to it were waiting for.
_NEAR_S = 0.050
_SAMPLER_ITSELF = -2
_RUNNING = "R"


def sampler_calls(machine: str | None = None) -> dict[str, str]:
    """What `agent.sampler.start` must know of this machine's system calls: number -> how descriptors are found."""
    return {str(number): WAIT_BY[name] for number, name in calls_of(machine or platform.machine()).items()}


@dataclass(slots=True)
class Sampled:
    """What the sampler saw, on the host's clock.

    `plain` and `gil` count as py-spy's profiles do, `told` those of `plain` that could be told to hold the GIL or not;
    `looks` has the time and kind of wait of each look at a thread, ascending; `own_threads` are the sampler's own;
    `samples` counts the looks, `errors` the lines that were not whole.
    """

    timeline: Timeline = field(default_factory=dict)
    plain: Profile = field(default_factory=dict)
    gil: Profile = field(default_factory=dict)
    told: Profile = field(default_factory=dict)
    looks: dict[ThreadKey, tuple[list[float], list[str]]] = field(default_factory=dict)
    own_threads: set[ThreadKey] = field(default_factory=set)
    samples: int = 0
    errors: int = 0

    def named(self, samples: Iterable[KernelSample]) -> Iterator[KernelSample]:
        """The kernel's samples less the sampler's threads, with the kinds of wait that it would not tell the host."""
        for sample in samples:
            points = (point for point in sample.threads if (point.pid, point.tid) not in self.own_threads)
            yield replace(sample, threads=tuple(self._named(point, sample.at_s) for point in points))

    def _named(self, point: ThreadPoint, at_s: float) -> ThreadPoint:
        times, kinds = self.looks.get((point.pid, point.tid), ([], []))
        if point.kind != "other" or not times:
            return point
        at = min(bisect_left(times, at_s), len(times) - 1)
        nearest = min((max(at - 1, 0), at), key=lambda number: abs(times[number] - at_s))
        return point._replace(kind=kinds[nearest]) if abs(times[nearest] - at_s) <= _NEAR_S else point


@dataclass(slots=True)
class _Process:
    """What the lines of one process have defined so far."""

    gil_ranges: tuple[AddressRange, ...] = ()
    frames: dict[int, Frame] = field(default_factory=dict)
    stacks: dict[int, Stack] = field(default_factory=dict)


def read_sampler(lines: Iterable[str], names: Mapping[int, str] | None = None) -> Sampled:
    """Read the sampler's lines; one that is not whole (the script was killed) is counted and passed over."""
    names = calls_of(platform.machine()) if names is None else names
    processes: defaultdict[int, _Process] = defaultdict(_Process)
    local: set[str] = set()
    sampled = Sampled()
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            sampled.errors += 1
            continue
        if "local" in record:
            local.add(record["local"])
        elif "threads" in record:
            _note_sample(sampled, record, processes[record["pid"]], _Context(names=names, local=local))
        else:
            _define(processes[record["pid"]], record)
    return sampled


def _define(process: _Process, record: dict[str, Any]) -> None:
    """Take in a line that defines frames, stacks or mappings; a forked child's begins with its mappings, afresh."""
    if "maps" in record:
        process.gil_ranges = interpreter_data(record["maps"])
    elif "frame" in record:
        number, file, function, line = record["frame"]
        process.frames[number] = Frame(file=file, function=function, line=line)
    elif "stack" in record:
        number, frames = record["stack"]
        process.stacks[number] = tuple(process.frames[frame] for frame in frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """What holds for all processes: names of system calls, and local sockets."""

    names: Mapping[int, str]
    local: set[str]


def _note_sample(sampled: Sampled, record: dict[str, Any], process: _Process, context: _Context) -> None:
    sampled.samples += 1
    for tid, stack_number, *details in record["threads"]:
        key = (record["pid"], tid)
        if stack_number == _SAMPLER_ITSELF:
            sampled.own_threads.add(key)
            continue
        ran, *blocked = details
        kind = _kind(process, context, *blocked)
        if kind is not None:
            times, kinds = sampled.looks.setdefault(key, ([], []))
            times.append(record["at"])
            kinds.append(kind)
        if stack_number in process.stacks:
            on_cpu = _on_cpu(ran=bool(ran), kind=kind, taken=bool(record["gil"]))
            _note_stack(sampled, key, record["at"], process.stacks[stack_number], on_cpu)


def _on_cpu(*, ran: bool, kind: str | None, taken: bool) -> str | None:
    """Whether a thread was on a CPU when the sampler asked for the GIL: "gil", "free", "unknown"; None: it was not.

    A thread that went on while the sampler held the GIL does without. One that is blocked on the GIL was running Python
    code. One that neither went on nor is blocked has just been woken, or waits for a core: it is taken for the
    GIL's holder where there was one, else it cannot be told.
    """
    if ran:
        return "free"
    if kind == "gil":
        return "gil"
    if kind is None:
        return "gil" if taken else "unknown"
    return None


def _note_stack(sampled: Sampled, key: ThreadKey, at_s: float, stack: Stack, on_cpu: str | None) -> None:
    """Count a look at a thread whose stack is known."""
    track = sampled.timeline.setdefault(key, Track())
    if not track.stacks or track.stacks[-1] != stack:
        track.at_s.append(at_s)
        track.stacks.append(stack)
    if on_cpu is not None:
        sampled.plain.setdefault(key, Counter())[stack] += 1
    if on_cpu in ("gil", "free"):
        sampled.told.setdefault(key, Counter())[stack] += 1
    if on_cpu == "gil":
        sampled.gil.setdefault(key, Counter())[stack] += 1


def _kind(process: _Process, context: _Context, state: str, line: str, links: Sequence[str]) -> str | None:
    """The kind of wait of a thread in `state`, None where it runs."""
    if state == _RUNNING:
        return None
    facts = _RecordedFacts(links, context.local, process.gil_ranges)
    return wait_kind(state, system_call(line.encode()), context.names, facts)


@dataclass(frozen=True, slots=True)
class _RecordedFacts:
    """`ProcessFacts` of one blocked call, as the sampler noted them at the time; descriptors are places in `links`."""

    links: Sequence[str]
    local: set[str]
    gil_ranges: tuple[AddressRange, ...]

    def link(self, descriptor: int) -> str:
        """A call on one descriptor has one link, whatever its number."""
        only_one = len(self.links) == 1
        return self.links[0 if only_one else descriptor] if self.links else ""

    def is_local(self, link: str) -> bool:
        """Whether the sampler found the socket among the local ones."""
        return link in self.local

    def feeds_program(self, _link: str) -> bool:
        """Not known from inside."""
        return False

    def watched(self, _by: WaitBy, _call: SystemCall) -> tuple[int, ...]:
        """All places in `links`."""
        return tuple(range(len(self.links)))

    def is_gil(self, address: int) -> bool:
        """Whether the futex lies in the interpreter's static data."""
        return any(address in part for part in self.gil_ranges)
