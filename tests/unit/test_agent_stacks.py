"""The stacks of a copy that hangs: whole lines, whatever number of its processes write them at one moment."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys

import pytest

from advisor.agent import polling, stacks

# Processes with two threads each, that hang in `hang_here`, all of them armed for one moment.
HANGING = """
import json, os, sys, threading, time
from advisor.agent import stacks

def hang_here():
    held.acquire()  # line 6

workers = int(sys.argv[1])
pipes = stacks.Pipes(workers)
stacks.want(pipes, 2.0)
children = []
for _ in range(workers):
    child = os.fork()
    if child == 0:
        try:
            held = threading.Lock()
            held.acquire()
            for _ in range(2):
                threading.Thread(target=hang_here, daemon=True).start()
            stacks.arm()
            held.acquire()
        finally:
            os._exit(1)
    children.append(child)
pipes.close_writers()
time.sleep(2.0)
stacks.expect(pipes)
print(json.dumps(stacks.read(pipes, lambda path: path == "<string>")))
for child in children:
    os.kill(child, 9)
"""


@pytest.mark.parametrize("workers", [1, 2, 6])
def test_processes_that_write_at_one_moment_do_not_mix_their_lines(workers: int) -> None:
    ran = subprocess.run([sys.executable, "-c", HANGING, str(workers)], check=True, capture_output=True, text=True)
    told = next(stand for stand in json.loads(ran.stdout) if stand["function"] == "hang_here")
    assert (told["line"], told["threads"]) == (6, 2 * workers)


def test_more_processes_than_pipes_leave_some_untold() -> None:
    pipes = stacks.Pipes(100)
    own = [pipes.own() for _ in range(100)]
    given = [fd for fd in own if fd is not None]
    assert len(given) == len(set(given)) == len(pipes.writers) < 100
    pipes.close_readers()
    pipes.close_writers()


SCARCE = """
import os, resource
from advisor.agent import stacks

while (first_free := os.dup(0)) < 60:  # so that all below are taken
    pass
os.close(first_free)
resource.setrlimit(resource.RLIMIT_NOFILE, (first_free + 8, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
pipes = stacks.Pipes(8)
print(len(pipes.writers), sum(pipes.own() is not None for _ in range(8)))
"""


def test_where_descriptors_are_scarce_fewer_processes_have_a_pipe() -> None:
    ran = subprocess.run([sys.executable, "-c", SCARCE], check=True, capture_output=True, text=True)
    assert ran.stdout == "3 3\n"


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
