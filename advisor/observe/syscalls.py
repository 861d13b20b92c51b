"""System call numbers of the calls that block, and what each means to the wait ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

WaitBy = Literal["descriptor", "poll", "select", "epoll", "futex", "sleep", "child", "lock", "disk", "pipe"]

# How to find out what a call waits for. "descriptor": its first argument is a file descriptor, which tells; "poll",
# "select" and "epoll" watch several; "futex" is the GIL or a lock, told apart by its address.
WAIT_BY: Mapping[str, WaitBy] = {
    **dict.fromkeys(("read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev"), "descriptor"),
    **dict.fromkeys(("preadv2", "pwritev2", "recvfrom", "recvmsg", "recvmmsg", "sendto"), "descriptor"),
    **dict.fromkeys(("sendmsg", "sendmmsg", "accept", "accept4", "connect", "sendfile", "splice"), "descriptor"),
    **dict.fromkeys(("poll", "ppoll"), "poll"),
    **dict.fromkeys(("select", "pselect6"), "select"),
    **dict.fromkeys(("epoll_wait", "epoll_pwait", "epoll_pwait2"), "epoll"),
    **dict.fromkeys(("futex", "futex_waitv"), "futex"),
    **dict.fromkeys(("nanosleep", "clock_nanosleep", "pause"), "sleep"),
    **dict.fromkeys(("wait4", "waitid", "vfork"), "child"),
    **dict.fromkeys(("flock", "fcntl", "semop", "semtimedop"), "lock"),
    **dict.fromkeys(("fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "msync"), "disk"),
    **dict.fromkeys(("copy_file_range", "io_getevents", "io_pgetevents", "io_uring_enter"), "disk"),
    **dict.fromkeys(("openat", "getdents64", "unlinkat", "renameat2", "ftruncate", "fallocate"), "disk"),
    **dict.fromkeys(("msgrcv", "mq_timedreceive"), "pipe"),
}

# Source: arch/x86/entry/syscalls/syscall_64.tbl of Linux.
_X86_64: Mapping[str, int] = {
    "read": 0, "write": 1, "poll": 7, "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20, "select": 23,
    "msync": 26, "pause": 34, "nanosleep": 35, "sendfile": 40, "connect": 42, "accept": 43, "sendto": 44,
    "recvfrom": 45, "sendmsg": 46, "recvmsg": 47, "vfork": 58, "wait4": 61, "semop": 65, "msgrcv": 70, "fcntl": 72,
    "flock": 73, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "sync": 162, "futex": 202, "io_getevents": 208,
    "getdents64": 217, "semtimedop": 220, "clock_nanosleep": 230, "epoll_wait": 232, "mq_timedreceive": 243,
    "waitid": 247, "openat": 257, "unlinkat": 263, "pselect6": 270, "ppoll": 271, "splice": 275,
    "sync_file_range": 277, "epoll_pwait": 281, "fallocate": 285, "accept4": 288, "preadv": 295, "pwritev": 296,
    "recvmmsg": 299, "syncfs": 306, "sendmmsg": 307, "renameat2": 316, "copy_file_range": 326, "preadv2": 327,
    "pwritev2": 328, "io_pgetevents": 333, "io_uring_enter": 426, "epoll_pwait2": 441, "futex_waitv": 449,
}  # fmt: skip

# Source: include/uapi/asm-generic/unistd.h of Linux, which aarch64 (and riscv64) use as it stands.
_GENERIC: Mapping[str, int] = {
    "io_getevents": 4, "epoll_pwait": 22, "fcntl": 25, "flock": 32, "unlinkat": 35, "ftruncate": 46, "fallocate": 47,
    "openat": 56, "getdents64": 61, "read": 63, "write": 64, "readv": 65, "writev": 66, "pread64": 67,
    "pwrite64": 68, "preadv": 69, "pwritev": 70, "sendfile": 71, "pselect6": 72, "ppoll": 73, "splice": 76,
    "sync": 81, "fsync": 82, "fdatasync": 83, "sync_file_range": 84, "waitid": 95, "futex": 98, "nanosleep": 101,
    "clock_nanosleep": 115, "mq_timedreceive": 183, "msgrcv": 188, "semtimedop": 192, "semop": 193, "accept": 202,
    "connect": 203, "sendto": 206, "recvfrom": 207, "sendmsg": 211, "recvmsg": 212, "msync": 227, "accept4": 242,
    "recvmmsg": 243, "wait4": 260, "syncfs": 267, "sendmmsg": 269, "renameat2": 276, "copy_file_range": 285,
    "preadv2": 286, "pwritev2": 287, "io_pgetevents": 292, "io_uring_enter": 426, "epoll_pwait2": 441,
    "futex_waitv": 449,
}  # fmt: skip

_TABLES = {"x86_64": _X86_64, "amd64": _X86_64, "aarch64": _GENERIC, "arm64": _GENERIC, "riscv64": _GENERIC}


def calls_of(machine: str) -> Mapping[int, str]:
    """Number -> name of the blocking calls on `machine` (as `platform.machine()` names it), empty where unknown."""
    return {number: name for name, number in _TABLES.get(machine.lower(), {}).items()}
