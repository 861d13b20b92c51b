"""Lock convoys, on runs built by hand: several threads in one line of the user's that takes a lock, nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import TICK_S, library, observation, own, waiting

from advisor.analyse.convoy import convoys
from advisor.model.observation import Stack

SOURCE = """\
import threading
lock = threading.Lock()
def handle(k):
    with lock:
        work()
    other.acquire()
    try:
        with open("a") as file, lock:
            pass
    finally:
        other.release()
    ready.wait()
def work():
    compute()
"""


@pytest.fixture
def script(tmp_path: Path) -> str:
    file = tmp_path / "a.py"
    file.write_text(SOURCE, encoding="utf-8")
    return str(file)


def at(script: str, line: int) -> Stack:
    return (library("run", "/lib/threading.py"), own(line, "handle", script))


WORKING = {"cpu_s": TICK_S}


def test_threads_in_one_line_that_takes_a_lock_are_a_convoy(script: str) -> None:
    queue, inside = at(script, 4), (*at(script, 5), own(14, "work", script))
    seen = observation((100, [(inside, WORKING), (queue, waiting("lock")), (queue, waiting("lock"))]))
    (found,) = convoys(seen)
    assert (found.lock, found.line, found.function) == ("lock", 4, "handle")
    assert found.threads == 2
    assert found.share == pytest.approx(1.0)
    assert found.waiting == pytest.approx(2.0)
    assert found.queue_s == pytest.approx(1.0)


def test_turns_in_the_queue_count_against_all_that_the_threads_lived(script: str) -> None:
    queue, inside = at(script, 4), at(script, 5)
    seen = observation(
        (50, [(inside, WORKING), (queue, waiting("lock"))]), (50, [(queue, waiting("lock")), (inside, WORKING)])
    )
    (found,) = convoys(seen)
    assert (found.threads, found.share, found.waiting) == (2, pytest.approx(0.5), pytest.approx(1.0))


def test_the_lines_that_take_one_lock_are_one_queue(script: str) -> None:
    seen = observation((100, [(at(script, 4), waiting("lock")), (at(script, 8), waiting("lock"))]))
    (found,) = convoys(seen)
    assert (found.lock, found.threads) == ("lock", 2)


def test_an_acquire_takes_a_lock_as_well(script: str) -> None:
    seen = observation((100, [(at(script, 6), waiting("lock")), (at(script, 6), waiting("lock"))]))
    assert [found.lock for found in convoys(seen)] == ["other"]


@pytest.mark.parametrize("inner", ["threading.py", "queue.py", "concurrent/futures/_base.py"])
def test_waiting_for_events_queues_and_results_is_no_convoy(script: str, inner: str) -> None:
    idle = (*at(script, 12), library("wait", f"/lib/{inner}"))
    assert convoys(observation((100, [(idle, waiting("lock")), (idle, waiting("lock"))]))) == ()


def test_one_thread_alone_is_no_convoy(script: str) -> None:
    seen = observation((100, [(at(script, 4), waiting("lock")), (at(script, 5), WORKING)]))
    assert convoys(seen) == ()


def test_a_lock_that_is_hardly_waited_for_is_no_convoy(script: str) -> None:
    queue, inside = at(script, 4), at(script, 5)
    free = [(inside, WORKING), (inside, WORKING)]
    seen = observation((90, free), (10, [(queue, waiting("lock")), (queue, waiting("lock"))]))
    assert convoys(seen) == ()


def test_a_line_without_a_lock_is_no_convoy(script: str) -> None:
    seen = observation((100, [(at(script, 14), waiting("lock")), (at(script, 14), waiting("lock"))]))
    assert convoys(seen) == ()


def test_queueing_for_the_gil_or_the_network_in_that_line_is_no_convoy(script: str) -> None:
    seen = observation((100, [(at(script, 4), waiting("gil")), (at(script, 4), waiting("network"))]))
    assert convoys(seen) == ()
