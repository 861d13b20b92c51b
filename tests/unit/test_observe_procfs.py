"""What the observer reads out of `/proc`, on canned files."""

from __future__ import annotations

import struct

import pytest

from advisor.observe import procfs

MAPS = """\
55e1ca78b000-55e1ca78c000 r--p 00000000 fe:00 86389                      /opt/python/bin/python3.12
55e1ca78f000-55e1ca790000 rw-p 00003000 fe:00 86389                      /opt/python/bin/python3.12
55e1f63fa000-55e1f64c0000 rw-p 00000000 00:00 0                          [heap]
7fc060b79000-7fc060ccd000 r--p 00379000 fe:00 86612                      /opt/python/lib/libpython3.12.so.1.0
7fc060d44000-7fc060eb4000 rw-p 00543000 fe:00 86612                      /opt/python/lib/libpython3.12.so.1.0
7fc060eb4000-7fc060eb5000 rw-p 00000000 00:00 0
7fc060eb6000-7fc060ebc000 rw-p 00000000 00:00 0
7fc061000000-7fc061001000 rw-p 00000000 fe:00 9                          /opt/lib/libopenblas.so.0
"""


@pytest.mark.parametrize(
    ("stat", "state", "parent"),
    [
        (b"12 (python) S 7 12 12 0", "S", 7),
        (b"12 (a) R (b) D 9 12", "D", 9),
        (b"", "?", 0),
    ],
)
def test_state_and_parent_whatever_the_name_holds(stat: bytes, state: str, parent: int) -> None:
    assert procfs.thread_state(stat) == state
    assert procfs.parent_pid(stat) == parent


def test_schedule_times_of_a_kernel_that_keeps_none() -> None:
    assert procfs.schedule_times(b"5 6 7\n") == procfs.ScheduleTimes(cpu_ns=5, delay_ns=6, turns=7)
    assert procfs.schedule_times(b"") == procfs.ScheduleTimes(cpu_ns=0, delay_ns=0, turns=0)


def test_system_calls() -> None:
    blocked = procfs.system_call(b"0 0x3 0x7fe9 0x20000 0x0 0xffffffff 0x0 0x7ffe 0x7fe9\n")

    assert blocked == procfs.SystemCall(number=0, arguments=(3, 0x7FE9, 0x20000, 0, 0xFFFFFFFF, 0))
    assert procfs.system_call(b"running\n") is None
    assert procfs.system_call(b"") is None
    assert procfs.system_call(b"-1 0x7ffe 0x7fe9\n") == procfs.SystemCall(number=-1, arguments=(0x7FFE, 0x7FE9))


def test_context_switches() -> None:
    status = "Name:\tpython\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n"

    assert procfs.context_switches(status) == (12, 3)
    assert procfs.context_switches("") == (0, 0)


def test_memory_is_in_bytes() -> None:
    assert procfs.pss_bytes("Rss:    1748 kB\nPss:     344 kB\nPss_Anon:   10 kB\n") == 344 * 1024
    assert procfs.pss_bytes("") == 0


def test_the_interpreters_data_is_its_own_and_the_zeros_behind_it() -> None:
    ranges = procfs.interpreter_data(MAPS)

    assert [(part.start, part.end) for part in ranges] == [
        (0x55E1CA78F000, 0x55E1CA790000),
        (0x7FC060D44000, 0x7FC060EB4000),
        (0x7FC060EB4000, 0x7FC060EB5000),
    ]
    assert 0x7FC060D44000 in ranges[1]
    assert 0x7FC060EB4000 not in ranges[1]


def test_what_an_epoll_instance_watches() -> None:
    fdinfo = "pos:\t0\nflags:\t02\ntfd:        5 events: 19 data: 5\ntfd:       12 events: 19 data: c\n"

    assert procfs.epoll_watches(fdinfo) == (5, 12)


def test_local_sockets() -> None:
    listing = (
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "0000000000000000: 00000003 00000000 00000000 0001 03 13501\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 14042 /run/a.sock\n"
    )

    assert procfs.unix_inodes(listing) == {"13501", "14042"}


def test_descriptors_in_memory() -> None:
    array = struct.pack("<ihhihhihh", 4, 1, 0, -1, 1, 0, 300, 1, 0)

    assert procfs.poll_descriptors(array) == (4, 300)
    assert procfs.poll_descriptors(array[:11]) == (4,)
    assert procfs.select_descriptors(bytes([0b0010_0001, 0b1]), 9) == (0, 5, 8)
    assert procfs.select_descriptors(b"", 9) == ()
