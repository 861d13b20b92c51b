"""The files py-spy writes: a time line (chrometrace) and profiles (speedscope). Pure functions over their text."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from advisor.model.observation import Frame, Stack

ThreadKey = tuple[int, int]
"""(pid, thread id of the operating system)."""

_PROCESS = re.compile(r"process (\d+):")
_THREAD = re.compile(r"thread \((\d+)\)")
_TORN = "<unreadable>"
_PROFILE_NAME = re.compile(r"(?:Process (\d+) )?Thread (\d+)")
_HEALTH = re.compile(r"Samples: (\d+) Errors: (\d+)")
_S_PER_US = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """The stacks of one thread: from `at_s[i]` (since the recorder's start, ascending) on it stood at `stacks[i]`."""

    at_s: list[float] = field(default_factory=list)
    stacks: list[Stack] = field(default_factory=list)

    def index(self, at_s: float) -> int:
        """The entry in force at `at_s`, -1 before the first."""
        return bisect_right(self.at_s, at_s) - 1

    def shifted(self, by_s: float) -> Track:
        """The same track on a clock that began `by_s` earlier."""
        return Track(at_s=[at_s + by_s for at_s in self.at_s], stacks=self.stacks)


Timeline = dict[ThreadKey, Track]
Profile = dict[ThreadKey, Counter[Stack]]


def health(log: str) -> tuple[int, int]:
    """(samples, errors) py-spy prints when it has written its file; zeros where it did not come that far."""
    found = _HEALTH.findall(log)
    return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)


def timeline(chunks: Iterable[str], root_pid: int) -> Timeline:
    """The time line of a chrometrace file read in `chunks`; a file that was cut short gives what it has.

    The events of one thread form one stream: "E" closes the innermost frame, "B" opens one. py-spy keys the streams
    by pthread id alone, which forked workers share with their parent, and stamps the closing events with the wrong
    pid. So whose stack it is, is read from the outermost frames, which name process and thread; a stack that names no
    process belongs to `root_pid`.
    """
    lines: Timeline = {}
    open_frames: dict[int, list[Frame]] = {}
    intern: dict[tuple[str, str, int], Frame] = {}
    group: tuple[int, int, str] | None = None
    for event in _events(chunks):
        phase, tid, ts_us = event["ph"], event["tid"], event["ts"]
        if phase not in "BE":
            continue
        if group is not None and (group[:2] != (tid, ts_us) or (group[2] == "B" and phase == "E")):
            _close_group(lines, open_frames[group[0]], group[1] * _S_PER_US, root_pid)
        group = (tid, ts_us, phase)
        frames = open_frames.setdefault(tid, [])
        if phase == "B":
            frames.append(_frame(event, intern))
        elif frames:
            frames.pop()
    if group is not None:
        _close_group(lines, open_frames[group[0]], group[1] * _S_PER_US, root_pid)
    return lines


def _events(chunks: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The objects of a JSON array, one by one: such a file may have hundreds of MB, and lack its end."""
    decode = json.JSONDecoder().raw_decode
    text = ""
    for chunk in chunks:
        text += chunk
        at = 0
        while (start := text.find("{", at)) >= 0:
            try:
                event, at = decode(text, start)
            except ValueError:  # the rest of it is in the next chunk
                at = start
                break
            yield event
        text = text[at:]


def _frame(event: dict[str, Any], intern: dict[tuple[str, str, int], Frame]) -> Frame:
    arguments = event["args"]
    key = (event["name"], arguments["filename"], arguments.get("line") or 0)
    frame = intern.get(key)
    if frame is None:
        frame = intern[key] = _frame_read(*key)
    return frame


def _frame_read(function: str, file: str, line: int) -> Frame:
    """A frame as read without pausing the process: a name caught while it was being replaced is no name of a file."""
    return Frame(function=function, file=_TORN if "\0" in file else file, line=line)


def _close_group(lines: Timeline, frames: list[Frame], at_s: float, root_pid: int) -> None:
    """Note the stack that stands after all events of one sample of one thread.

    Outermost are the processes, parents first, then the thread; none of them has a file.
    """
    depth = next((at for at, frame in enumerate(frames) if frame.file), len(frames))
    thread = _THREAD.match(frames[depth - 1].function) if depth else None
    if thread is None:
        return
    process = _PROCESS.match(frames[depth - 2].function) if depth > 1 else None
    track = lines.setdefault((int(process[1]) if process else root_pid, int(thread[1])), Track())
    stack = tuple(frames[depth:])
    if not track.stacks or track.stacks[-1] != stack:
        track.at_s.append(at_s)
        track.stacks.append(stack)


def profile(text: str, root_pid: int) -> Profile | None:
    """How many samples each thread had on each stack, from a speedscope file; None where the file is not whole.

    A profile whose name has no process in it belongs to `root_pid`.
    """
    try:
        document = json.loads(text)
        frames = [_frame_read(f["name"], f["file"], f["line"] or 0) for f in document["shared"]["frames"]]
        profiles = document["profiles"]
    except (ValueError, KeyError, TypeError):
        return None
    counts: Profile = {}
    for entry in profiles:
        name = _PROFILE_NAME.match(entry["name"])
        if name is None:
            continue
        key = (int(name[1] or root_pid), int(name[2]))
        stacks = Counter(tuple(sample) for sample in entry["samples"])
        merged = counts.setdefault(key, Counter())
        for numbers, times in stacks.items():
            merged[tuple(frames[n] for n in numbers if frames[n].file)] += times
    return counts
