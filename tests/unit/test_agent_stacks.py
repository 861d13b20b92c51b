"""The stacks of a copy that hangs: whole lines, whatever number of its processes write them at one moment."""

from __future__ import annotations

import os
import resource
import threading
import time

import pytest

from advisor.agent import polling, stacks

AT_ONCE_S = 0.5


def hang_here(held: threading.Event) -> None:
    """Where the threads of the test's processes stand."""
    held.wait()


def be_a_worker() -> None:
    """A forked process with two threads that hang."""
    held = threading.Event()
    for _ in range(2):
        threading.Thread(target=hang_here, args=(held,), daemon=True).start()
    stacks.arm()
    held.wait()


def stuck_in(workers: int) -> list[dict[str, object]]:
    """What is read of so many processes that hang, all of them armed for one moment."""
    pipes = stacks.Pipes(workers)
    stacks.want(pipes, AT_ONCE_S)
    children = []
    for _ in range(workers):
        child = os.fork()
        if child == 0:
            be_a_worker()
            os._exit(1)
        children.append(child)
    pipes.close_writers()
    time.sleep(AT_ONCE_S)
    stacks.expect(pipes)
    told = stacks.read(pipes, lambda path: path == __file__)
    pipes.close_readers()
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)
    return told


@pytest.mark.parametrize("workers", [1, 2, 6])
def test_processes_that_write_at_one_moment_do_not_mix_their_lines(workers: int) -> None:
    line = hang_here.__code__.co_firstlineno + 2
    told = next(stand for stand in stuck_in(workers) if stand["function"] == "hang_here")
    assert (told["line"], told["threads"]) == (line, 2 * workers)


def test_more_processes_than_pipes_leave_some_untold() -> None:
    pipes = stacks.Pipes(100)
    own = [pipes.own() for _ in range(100)]
    given = [fd for fd in own if fd is not None]
    assert len(given) == len(set(given)) == len(pipes.writers) < 100
    pipes.close_readers()
    pipes.close_writers()


def test_where_descriptors_are_scarce_fewer_processes_have_a_pipe() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    first_free = os.dup(0)
    os.close(first_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free + 8, hard))
    try:
        pipes = stacks.Pipes(8)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    own = [pipes.own() for _ in range(8)]
    assert len([fd for fd in own if fd is not None]) == len(pipes.writers) in range(1, 4)
    pipes.close_readers()
    pipes.close_writers()


def test_a_descriptor_beyond_what_select_can_take_is_waited_for() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2000:
        pytest.skip("this machine allows no descriptor of such a number")
    read, write = os.pipe()
    os.dup2(read, 1999)
    assert polling.readable([1999], 0.01) == set()
    os.write(write, b"x")
    assert polling.readable([1999], 10.0) == {1999}
    for fd in (read, write, 1999):
        os.close(fd)
