"""The file of the sampler inside the script, on canned lines."""

from __future__ import annotations

import json
from typing import Any

from advisor.model.observation import Frame
from advisor.observe.inprocess import read_sampler, sampler_calls
from advisor.observe.kernel import KernelSample
from advisor.observe.syscalls import calls_of
from advisor.observe.taskfiles import ThreadPoint

PID, THREAD, SAMPLER = 10, 11, 12
X86 = dict(calls_of("x86_64"))
FUTEX_ON_GIL = "202 0x1010 0x80 0x0 0x0 0x0 0x0 0x7ffe 0x7fe9"
RECEIVE = "45 0x7 0x0 0x0 0x0 0x0 0x0 0x7ffe 0x7fe9"
MAPS = "00001000-00002000 rw-p 00000000 fe:00 1     /opt/bin/python3.12\n"
STACK = (Frame(file="/s.py", line=3, function="f"),)


def lines(*records: dict[str, Any]) -> list[str]:
    defined = [
        {"pid": PID, "maps": MAPS},
        {"pid": PID, "frame": [0, "/s.py", "f", 3]},
        {"pid": PID, "stack": [0, [0]]},
    ]
    return [json.dumps(record) for record in (*defined, *records)]


def look(at_s: float, *threads: list[Any], gil: int = 0) -> dict[str, Any]:
    return {"at": at_s, "pid": PID, "gil": gil, "threads": [[SAMPLER, -2], *threads]}


def test_a_thread_that_goes_on_while_the_gil_is_kept_runs_native_code() -> None:
    sampled = read_sampler(lines(look(1.0, [PID, 0, 1, "R", "running", []])), X86)

    assert sampled.plain[PID, PID][STACK] == 1
    assert (PID, PID) not in sampled.gil


def test_a_thread_the_gil_was_taken_from_runs_python_code() -> None:
    blocked = look(1.0, [PID, 0, 0, "S", FUTEX_ON_GIL, []])
    just_woken = look(1.1, [PID, 0, 0, "R", "running", []], gil=1)

    sampled = read_sampler(lines(blocked, just_woken), X86)

    assert sampled.gil[PID, PID][STACK] == sampled.plain[PID, PID][STACK] == 2


def test_waits_are_named_and_given_to_the_kernels_samples() -> None:
    sampled = read_sampler(lines(look(1.0, [THREAD, 0, 0, "S", RECEIVE, ["socket:[9]"]])), X86)
    near = KernelSample(at_s=1.01, threads=(_blocked(THREAD), _blocked(SAMPLER)))
    far = KernelSample(at_s=3.0, threads=(_blocked(THREAD),))

    named = list(sampled.named([near, far]))

    assert [[point.kind for point in sample.threads] for sample in named] == [["network"], ["other"]]
    assert sampled.plain == {}


def test_a_local_socket_is_a_pipe() -> None:
    sampled = read_sampler(lines({"local": "socket:[9]"}, look(1.0, [THREAD, 0, 0, "S", RECEIVE, ["socket:[9]"]])), X86)

    assert sampled.looks[PID, THREAD] == ([1.0], ["pipe"])


def test_a_line_that_is_not_whole_is_counted() -> None:
    sampled = read_sampler([*lines(look(1.0, [PID, 0, 1, "R", "running", []])), '{"at": 1.2, "pi'], X86)

    assert (sampled.samples, sampled.errors) == (1, 1)
    assert sampled.timeline[PID, PID].stacks == [STACK]


def test_the_sampler_is_told_how_calls_find_their_descriptors() -> None:
    calls = sampler_calls("x86_64")

    assert calls["0"] == "descriptor"
    assert calls["7"] == "poll"
    assert calls["232"] == "epoll"


def _blocked(tid: int) -> ThreadPoint:
    return ThreadPoint(PID, tid, "S", 0, 0, "other")
