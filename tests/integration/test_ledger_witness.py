"""Scripts that do one thing each: the ledger must say which."""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from advisor.model.ledger import KINDS
from advisor.model.observation import Frame, Observation
from advisor.model.target import Target
from advisor.observe.inprocess import sampler_calls
from advisor.observe.launch import gate_config, launch
from advisor.observe.owncode import AGENT_FOLDER, OwnCode
from advisor.observe.watch import Watch

pytestmark = pytest.mark.realtime

SAMPLES = "samples.jsonl"
REFUSED = "/bin/false"
LEAST_SHARE = 0.90
# Of a wait and a computation of 4 ms each in turn, seen every 10 ms: smeared over each other both would show 0.5.
LEAST_SHARE_WITHIN_A_SAMPLE = 0.75
# Children are looked at five times a second for their stacks, and 25 times for who holds the GIL: of the 75 looks that
# are due here, one time in a thousand 50 come, which is told as 0.75.
LEAST_SHARE_OF_CHILDREN = 0.75
SCRIPT_S = 1.5

HEADER = f"""
import hashlib, os, socket, subprocess, sys, tempfile, threading, time
END = time.monotonic() + {SCRIPT_S}
def more(): return time.monotonic() < END
"""

SLEEP = """
def work():
    while more(): time.sleep(0.02)
"""

NETWORK = """
server = socket.create_server(("127.0.0.1", 0))
def serve():
    connection, _ = server.accept()
    while connection.recv(1):
        time.sleep(0.02)
        connection.sendall(b"x")
threading.Thread(target=serve, daemon=True).start()
client = socket.create_connection(server.getsockname())
def work():
    while more():
        client.sendall(b"x")
        client.recv(1)
    client.close()
"""

LOCK = """
lock = threading.Lock()
def hold():
    while more():
        with lock: time.sleep(0.1)
threading.Thread(target=hold).start()
time.sleep(0.02)
def work():
    while more():
        with lock: pass
"""

# Looks at who holds the GIL come at random moments: nineteen times in twenty 361 to 439 where 400 are due.
PYTHON = """
END = time.monotonic() + 4
def work():
    while more():
        total = 0
        for number in range(20_000): total += number * number
"""

NATIVE = """
block = bytes(8_000_000)
def work():
    while more(): hashlib.sha256(block).hexdigest()
"""

CHILD = """
def work():
    while more(): subprocess.run(["sleep", "0.5"])
"""

CHILD_OUTPUT = """
def work():
    while more(): subprocess.check_output(["sleep", "0.5"])
"""

PIPE = """
reader, writer = os.pipe()
def feed():
    while more():
        time.sleep(0.05)
        os.write(writer, b"x")
threading.Thread(target=feed, daemon=True).start()
def work():
    while more(): os.read(reader, 1)
"""

GIL = """
def spin():
    while more():
        total = 0
        for number in range(20_000): total += number * number
threading.Thread(target=spin).start()
def work():
    spin()
"""

DISK = """
place = tempfile.TemporaryFile(dir=os.getcwd())
block = bytes(4_000_000)
def work():
    while more():
        place.seek(0)
        place.write(block)
        place.flush()
        os.fsync(place.fileno())
"""

QUEUED = """
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
others = [subprocess.Popen([sys.executable, "-c", f"import time\\nwhile time.monotonic() < {END}: pass"]) for _ in "ab"]
def work():
    total = 0
    while more():
        for number in range(20_000): total += number * number
    for other in others: other.wait()
"""

CALL = """
work()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for the recorders' files, which must be empty again afterwards."""
    place = tmp_path / "recorders"
    place.mkdir()
    yield place
    assert list(place.iterdir()) == []


def observe(script: Path, folder: Path, *, pyspy: str | None = None) -> Observation:
    """Run 1 of `script` under our own interpreter."""
    target = Target(python=sys.executable, script=str(script))
    launched = launch(target)
    watch = Watch(launched.pid, folder, own=OwnCode((str(script.parent),)).is_own, pyspy=pyspy)
    try:
        watch.attach()
        watch.opened()
        launched.open_gate(gate_config(target))
        exit_, wall_s, usage = launched.wait()
        return watch.finish(exit_, wall_s, rusage=usage, sampled=script.parent / SAMPLES)
    finally:
        launched.kill()
        watch.abandon()


def shares(observation: Observation, function: str) -> defaultdict[str, float]:
    """The shares of the kinds of time while `function` of the user's own code was on the stack.

    What a busy machine makes it wait for a core is no mistake of the ledger's, and is left out.
    """
    seconds: defaultdict[str, float] = defaultdict(float)
    for tick in observation.ticks:
        for moment in tick.moments:
            stack = observation.stacks[moment.stack] if moment.stack >= 0 else ()
            if not any(frame.own and frame.function == function for frame in stack):
                continue
            gil_share = observation.gil_share[moment.stack]
            seconds["python"] += moment.cpu_s * gil_share
            seconds["native"] += moment.cpu_s * (1 - gil_share)
            seconds[moment.wait_kind] += moment.wait_s
    total = sum(seconds.values())
    return defaultdict(float, {kind: value / total for kind, value in seconds.items()})


def in_memory(folder: Path) -> bool:
    """True where a folder lies on no disk."""
    types = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    mount = next(place for place in (folder, *folder.parents) if str(place) in types or place == place.parent)
    return types.get(str(mount), "") in ("tmpfs", "ramfs")


def write_script(folder: Path, body: str, call: str = CALL) -> Path:
    """A script of `body` in `folder`."""
    script = folder / "script.py"
    script.write_text(HEADER + body + call)
    return script


ONE_THING = {
    "sleep": (SLEEP, ("sleep",)),
    "network": (NETWORK, ("network",)),
    "lock": (LOCK, ("lock",)),
    "python": (PYTHON, ("python",)),
    "native": (NATIVE, ("native",)),
    "child": (CHILD, ("child",)),
    "child-output": (CHILD_OUTPUT, ("child",)),
    "pipe": (PIPE, ("pipe",)),
    "gil": (GIL, ("gil", "python")),
}


@pytest.mark.parametrize(("body", "kinds"), ONE_THING.values(), ids=ONE_THING)
def test_a_script_that_does_one_thing_shows_it(body: str, kinds: tuple[str, ...], tmp_path: Path, folder: Path) -> None:
    observation = observe(write_script(tmp_path, body), folder)

    found = shares(observation, "work")
    assert observation.source == "py-spy"
    assert set(found) <= set(KINDS)
    assert sum(found[kind] for kind in kinds) >= LEAST_SHARE, found


def test_waiting_for_the_disk_is_no_other_wait(tmp_path: Path, folder: Path) -> None:
    if in_memory(tmp_path):
        pytest.skip("the temporary folder is in memory: nothing waits for a disk there")
    found = shares(observe(write_script(tmp_path, DISK), folder), "work")

    waits = {kind: share for kind, share in found.items() if kind not in ("python", "native")}
    assert found["disk"] >= LEAST_SHARE * sum(waits.values()), found


def test_waiting_for_a_free_core_is_told_from_work(tmp_path: Path, folder: Path) -> None:
    observation = observe(write_script(tmp_path, QUEUED), folder)

    moments = [
        moment for tick in observation.ticks for moment in tick.moments
        if moment.stack >= 0 and any(frame.function == "work" for frame in observation.stacks[moment.stack])
    ]  # fmt: skip
    queued_s, computed_s = sum(each.runqueue_s for each in moments), sum(each.cpu_s for each in moments)
    waited_s = sum(each.wait_s for each in moments if each.wait_kind != "child")
    assert queued_s >= computed_s, (
        queued_s,
        computed_s,
        waited_s,
    )
    assert waited_s <= (1 - LEAST_SHARE) * (queued_s + computed_s)


def test_threads_that_share_the_gil_wait_for_it(tmp_path: Path, folder: Path) -> None:
    found = shares(observe(write_script(tmp_path, GIL), folder), "spin")

    assert found["gil"] >= 0.25, found
    assert found["native"] <= 0.15, found  # 150 samples tell the holder's share to about a tenth


def test_waits_and_work_shorter_than_a_sample_are_told_apart(tmp_path: Path, folder: Path) -> None:
    body = """
def wait(): time.sleep(0.004)
def compute():
    total = 0
    for number in range(60_000): total += number * number
def work():
    while more():
        wait()
        compute()
"""
    observation = observe(write_script(tmp_path, body), folder)

    waits, computes = shares(observation, "wait"), shares(observation, "compute")
    assert waits["sleep"] >= LEAST_SHARE_WITHIN_A_SAMPLE, waits
    assert computes["python"] >= LEAST_SHARE_WITHIN_A_SAMPLE, computes


def test_the_time_of_every_thread_adds_up(tmp_path: Path, folder: Path) -> None:
    observation = observe(write_script(tmp_path, "END = time.monotonic() + 10\n" + SLEEP), folder)

    seen_s = sum(tick.length_s for tick in observation.ticks)
    main_s = sum(m.cpu_s + m.runqueue_s + m.wait_s for t in observation.ticks for m in t.moments)
    assert seen_s == pytest.approx(observation.wall_s, rel=0.05)
    assert main_s == pytest.approx(seen_s, rel=0.02)


def test_work_in_a_pool_of_processes_is_seen_in_the_workers(tmp_path: Path, folder: Path) -> None:
    body = """
from concurrent.futures import ProcessPoolExecutor
def work(_):
    total = 0
    for number in range(15_000_000): total += number * number
if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool: list(pool.map(work, range(6)))
"""
    observation = observe(write_script(tmp_path, body, call=""), folder)

    found = shares(observation, "work")
    assert observation.totals.processes == 3
    assert found["python"] >= LEAST_SHARE_OF_CHILDREN, found
    assert all(frame.function != "main" for frame in _roots(observation, "work"))


def _roots(observation: Observation, function: str) -> list[Frame]:
    return [stack[0] for stack in observation.stacks if any(frame.function == function for frame in stack)]


@pytest.mark.parametrize(("body", "kinds"), ONE_THING.values(), ids=ONE_THING)
def test_the_sampler_inside_sees_the_same(body: str, kinds: tuple[str, ...], tmp_path: Path, folder: Path) -> None:
    start = f"""
sys.path.insert(0, {AGENT_FOLDER!r})
import sampler
sampler.start(os.open({str(tmp_path / SAMPLES)!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND), {sampler_calls()!r})
sys.path.pop(0)
"""
    observation = observe(write_script(tmp_path, start + body), folder, pyspy=REFUSED)

    found = shares(observation, "work")
    assert observation.source == "sampler"
    assert sum(found[kind] for kind in kinds) >= LEAST_SHARE, found


def test_forked_processes_are_told_from_other_programs(tmp_path: Path, folder: Path) -> None:
    body = """
import multiprocessing
def work():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5)"])
    time.sleep(0.5)
    child.wait()
    print(os.getpid(), child.pid, file=open(sys.argv[0] + ".pids", "a"))
multiprocessing.set_start_method("fork")
processes = [multiprocessing.Process(target=work) for _ in range(2)]
for process in processes: process.start()
for process in processes: process.join()
def work(): pass
"""
    script = write_script(tmp_path, body)
    observation = observe(script, folder)

    pids = [line.split() for line in Path(f"{script}.pids").read_text().splitlines()]
    assert observation.forks == {int(forked) for forked, _program in pids}


def test_an_abandoned_watch_leaves_nothing_behind(tmp_path: Path, folder: Path) -> None:
    launched = launch(Target(python=sys.executable, script=str(write_script(tmp_path, SLEEP))))
    watch = Watch(launched.pid, folder, own=lambda _file: True)
    watch.attach()
    watch.abandon()
    watch.abandon()
    launched.kill()

    assert psutil.Process().children() == []


def main() -> None:
    """Print the table: what each script does, and the share its time has in that column."""
    for name, (body, kinds) in ONE_THING.items():
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as recorders:
            found = shares(observe(write_script(Path(folder), body), Path(recorders)), "work")
        rest = ", ".join(f"{kind} {share:.1%}" for kind, share in sorted(found.items()) if kind not in kinds and share)
        print(f"{name:14} {sum(found[kind] for kind in kinds):6.1%}   rest: {rest}")  # noqa: T201  # a program's table


if __name__ == "__main__":
    main()
