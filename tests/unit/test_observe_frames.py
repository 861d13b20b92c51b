"""Stacks as the user knows them."""

from __future__ import annotations

from advisor.model.observation import Frame, Stack
from advisor.observe.frames import StackCleaner

ROOT = 10
WORKER = 11


def cleaner() -> StackCleaner:
    return StackCleaner(
        agent_folder="/tools/agent", cwd="/home/u", own=lambda file: file.startswith("/home/u/"), root_pid=ROOT
    )


def stack(*places: tuple[str, str]) -> Stack:
    return tuple(Frame(file=file, line=1, function=function) for file, function in places)


OURS = ("/tools/agent/bootstrap.py", "main")
FORKED = (
    OURS,
    ("/home/u/s.py", "main"),
    ("/lib/multiprocessing/process.py", "BaseProcess._bootstrap"),
    ("/home/u/s.py", "task"),
)


def test_frames_of_ours_at_the_root_are_taken_away() -> None:
    cleaned = cleaner()(ROOT, stack(OURS, OURS, ("<frozen runpy>", "run_module"), ("/home/u/s.py", "<module>")))

    assert [frame.function for frame in cleaned] == ["<module>"]


def test_the_gate_itself_is_no_stack() -> None:
    assert cleaner()(ROOT, stack(OURS, ("/tools/agent/bootstrap.py", "wait_at_gate"))) == ()


def test_own_code_is_marked_and_relative_names_are_resolved() -> None:
    cleaned = cleaner()(ROOT, stack(("s.py", "<module>"), ("/lib/json/decoder.py", "decode"), ("<string>", "f")))

    assert [(frame.file, frame.own) for frame in cleaned] == [
        ("/home/u/s.py", True),
        ("/lib/json/decoder.py", False),
        ("<string>", False),
    ]


def test_a_file_has_one_name_whichever_way_leads_to_it() -> None:
    cleaned = cleaner()(ROOT, stack(("/home/u/here/../s.py", "<module>"), ("/home/u/s.py", "f"), ("./s.py", "g")))

    assert {frame.file for frame in cleaned} == {"/home/u/s.py"}


def test_a_forked_worker_begins_at_its_own_entry() -> None:
    worker, parent = cleaner()(WORKER, stack(*FORKED)), cleaner()(ROOT, stack(*FORKED))

    assert [frame.function for frame in worker] == ["BaseProcess._bootstrap", "task"]
    assert [frame.function for frame in parent] == ["main", "BaseProcess._bootstrap", "task"]
