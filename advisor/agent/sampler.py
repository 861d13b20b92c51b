"""The observer of last resort: a thread inside the user's interpreter, for where py-spy may not look into it.

Every few ms it takes all threads' stacks and what each blocked thread is blocked in, and appends them as lines of JSON
to a file. It is started under `threading`'s head, so that the script does not count it; it is never joined and
ends with the interpreter. CPU times are read by the host, which needs no right for that.

Lines, each with "pid":
{"maps": TEXT} once a process; {"local": LINK} for a socket that is not the network's;
{"frame": [id, file, function, line]} and {"stack": [id, [frame ids]]} before their first use;
{"at": s, "gil": taken?, "threads": [...]} a sample. "gil" is 1 where the GIL had to be taken from its holder; each
thread is [tid, stack id or -1, ran without the GIL?, state, line of /proc/self/task/TID/syscall, [links of the
descriptors waited on]], the sampler's own [tid, -2].

Known to be visible: on Python 3.12+ `os.fork()` warns of more threads than one where the script shows such warnings.
"""

import _thread
import os
import sys
import time
from _json import encode_basestring_ascii as quoted  # the json package would be seen in sys.modules

TYPE_CHECKING = False  # as in `typing`, which the script may not have imported
if TYPE_CHECKING:
    from types import CodeType, FrameType

INTERVAL_S = 0.010
# The sampler uses at most this share of one core: with many threads or deep stacks it looks less often.
MAX_DUTY = 0.05
# How long the sampler keeps the GIL to see which threads go on without it: long against the clocks' resolution and the
# time a thread takes to stop, short against the interval.
HOLD_S = 0.0001
_MAX_WATCHED = 64
# Columns of net/unix: Num RefCount Protocol Flags Type St Inode Path.
_UNIX_INODE = 6
_MAX_DEPTH = 200
_READ_BYTES = 1 << 16


def start(fd: int, calls: dict[str, str], interval_s: float = INTERVAL_S) -> None:
    """Sample this process, and every process it forks, into the file behind `fd` until the interpreter ends.

    `fd` must be open for appending. `calls` maps numbers of blocking system calls to how their descriptors are found
    ("descriptor", "poll", "select", "epoll"; other names: none). Call it in the main thread.
    """
    sampler = Sampler(fd, {int(number): by for number, by in calls.items()}, interval_s)
    sampler.begin()
    os.register_at_fork(after_in_child=sampler.begin)


class Sampler:
    """The state of the sampling thread of one process."""

    def __init__(self, fd: int, calls: dict[int, str], interval_s: float) -> None:
        self._fd = fd
        self._calls = calls
        self._interval_s = interval_s
        self._pid = self._main_ident = 0
        self._frames: dict[tuple[CodeType, int], int] = {}
        self._stacks: dict[tuple[int, ...], int] = {}
        self._sockets: set[str] = set()
        self._lines: list[str] = []
        self._queued_s = 0.0
        status = os.fstat(fd)
        self._identity = (status.st_dev, status.st_ino)

    def begin(self) -> None:
        """Start the thread, afresh in a forked child: ids of frames and stacks hold for one process only."""
        self._pid = os.getpid()
        self._main_ident = _thread.get_ident()
        self._frames = {}
        self._stacks = {}
        self._sockets = set()
        self._lines = []
        self._queued_s = 0.0
        _thread.start_new_thread(self._run, ())

    def _run(self) -> None:
        try:
            self._define("maps", quoted(_text("/proc/self/maps")))
            late_s = 0.0
            while self._is_ours():
                began_cpu_s = time.thread_time()
                self._sample(late_s)
                self._write()
                late_s = _sleep(max(self._interval_s, (time.thread_time() - began_cpu_s) / MAX_DUTY))
        except Exception:
            return  # the script goes on, unwatched

    def _is_ours(self) -> bool:
        """Whether `fd` is still our file: a script may close all descriptors, and open its own under the number."""
        try:
            status = os.fstat(self._fd)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identity

    def _write(self) -> None:
        os.write(self._fd, ("\n".join(self._lines) + "\n").encode("ascii"))
        self._lines.clear()

    def _sample(self, late_s: float) -> None:
        """Take the stacks first, while this thread holds the GIL and none of them can change.

        A holder gives the GIL up only when it has been asked for as long as the switch interval, so a thread that wakes
        up late had to take it, unless it waited for a core.
        """
        at_s = time.monotonic()
        me = _thread.get_ident()
        tids = self._native_ids()
        frames = sys._current_frames()
        by_tid = {tids[ident]: self._stack(frames[ident]) for ident in frames if ident != me and ident in tids}
        frames.clear()  # a frame kept alive would keep the script's objects alive
        ran = _running(by_tid)
        own_tid = _thread.get_native_id()
        queued_before_s, self._queued_s = self._queued_s, _queued_s(own_tid)
        taken = late_s - (self._queued_s - queued_before_s) >= sys.getswitchinterval() / 2
        others = [int(name) for name in os.listdir("/proc/self/task") if int(name) != own_tid]
        rows = [f"[{own_tid}, -2]", *filter(None, (self._row(tid, by_tid, tid in ran) for tid in others))]
        head = f'"at": {at_s:.6f}, "pid": {self._pid}, "gil": {taken:d}'
        self._lines.append(f'{{{head}, "threads": [{", ".join(rows)}]}}')

    def _define(self, name: str, value: str) -> None:
        """Write a line that later ones build on; `value` is JSON."""
        self._lines.append(f'{{"pid": {self._pid}, "{name}": {value}}}')

    def _native_ids(self) -> dict[int, int]:
        """Thread id of Python -> thread id of the kernel, for threads that `threading` knows, and the main thread."""
        ids = {self._main_ident: self._pid}
        threading = sys.modules.get("threading")
        for ident, thread in getattr(threading, "_active", {}).copy().items():
            native_id = getattr(thread, "native_id", None)
            if native_id is not None and ident != self._main_ident:
                ids[ident] = native_id
        return ids

    def _row(self, tid: int, by_tid: dict[int, int], ran: bool) -> str:
        try:
            call = _read(f"/proc/self/task/{tid}/syscall")
            stat = _read(f"/proc/self/task/{tid}/stat")
        except OSError:
            return ""
        state = stat.rpartition(b")")[2][1:2].decode()
        links = ", ".join(quoted(link) for link in self._links(call))
        line = quoted(call.decode().strip())
        return f'[{tid}, {by_tid.get(tid, -1)}, {ran:d}, "{state}", {line}, [{links}]]'

    def _stack(self, frame: "FrameType | None") -> int:
        """The number of a stack, root first; it is written out when it is met for the first time."""
        numbers: list[int] = []
        while frame is not None and len(numbers) < _MAX_DEPTH:
            numbers.append(self._frame(frame.f_code, frame.f_lineno or 0))
            frame = frame.f_back
        key = tuple(reversed(numbers))
        if key not in self._stacks:
            self._stacks[key] = len(self._stacks)
            self._define("stack", f"[{self._stacks[key]}, {list(key)}]")
        return self._stacks[key]

    def _frame(self, code: "CodeType", line: int) -> int:
        key = (code, line)
        if key not in self._frames:
            self._frames[key] = len(self._frames)
            names = f"{quoted(code.co_filename)}, {quoted(code.co_qualname)}"
            self._define("frame", f"[{self._frames[key]}, {names}, {line}]")
        return self._frames[key]

    def _links(self, line: bytes) -> list[str]:
        """What the descriptors of the blocked call `line` lead to."""
        fields = line.split()
        if not fields or not fields[0].isdigit():
            return []
        arguments = [int(word, 16) for word in fields[1:7]]
        try:
            links = [os.readlink(f"/proc/self/fd/{fd}") for fd in self._descriptors(int(fields[0]), arguments)]
        except (OSError, OverflowError, ValueError):
            return []
        for link in links:
            self._note_socket(link)
        return links

    def _descriptors(self, number: int, arguments: list[int]) -> list[int]:
        by = self._calls.get(number)
        if by == "descriptor":
            return [arguments[0]]
        if by == "poll":
            count = min(arguments[1], _MAX_WATCHED)
            memory = _read("/proc/self/mem", count * 8, arguments[0])
            return [int.from_bytes(memory[at : at + 4], "little") for at in range(0, len(memory) - 7, 8)]
        if by == "epoll":
            rows = (row.split() for row in _text(f"/proc/self/fdinfo/{arguments[0]}").splitlines())
            return [int(row[1]) for row in rows if row and row[0] == "tfd:"]
        if by == "select":
            count = min(arguments[0], _MAX_WATCHED)
            sets = [_read("/proc/self/mem", (count + 7) // 8, address) for address in arguments[1:4] if address]
            return [n for bits in sets for n in range(min(count, len(bits) * 8)) if bits[n // 8] >> (n % 8) & 1]
        return []

    def _note_socket(self, link: str) -> None:
        """Say of a socket met for the first time whether it is a local one."""
        if link.startswith("socket:") and link not in self._sockets:
            self._sockets.add(link)
            rows = (row.split() for row in _text("/proc/self/net/unix").splitlines())
            if any(link == f"socket:[{column}]" for row in rows for column in row[_UNIX_INODE : _UNIX_INODE + 1]):
                self._define("local", quoted(link))


def _sleep(interval_s: float) -> float:
    """Sleep, and return how much later than asked this thread went on: it needs the GIL for that."""
    began_s = time.monotonic()
    time.sleep(interval_s)
    return time.monotonic() - began_s - interval_s


def _running(tids: dict[int, int]) -> set[int]:
    """The threads that use CPU time while this one keeps the GIL: reading clocks does not give it up."""
    before = {tid: _cpu_s(tid) for tid in tids}
    began_s = now_s = time.perf_counter()
    while now_s - began_s < HOLD_S:
        now_s = time.perf_counter()
    return {tid for tid in tids if _cpu_s(tid) - before[tid] > (now_s - began_s) / 2}


def _cpu_s(tid: int) -> float:
    """CPU time of a thread of this process, exact even while it runs; 0 once it is gone.

    The clock's number is made as Linux does (include/linux/posix-timers.h: ~tid << 3, 4 for a thread, 2 for its
    running time); `time.pthread_getcpuclockid` may crash on a thread that has just ended.
    """
    try:
        return time.clock_gettime((~tid << 3) | 6)
    except OSError:
        return 0.0


def _queued_s(tid: int) -> float:
    """How long a thread has waited for a core since its start; 0 on a kernel that does not count that."""
    try:
        return int(_read(f"/proc/self/task/{tid}/schedstat").split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _read(path: str, size: int = 512, offset: int = 0) -> bytes:
    """Up to `size` bytes of `path` from `offset` on."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.pread(fd, size, offset)
    finally:
        os.close(fd)


def _text(path: str) -> str:
    """All of a text file of /proc, "" where it cannot be read."""
    parts = []
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        while part := os.read(fd, _READ_BYTES):
            parts.append(part)
    finally:
        os.close(fd)
    return b"".join(parts).decode("utf-8", "replace")
