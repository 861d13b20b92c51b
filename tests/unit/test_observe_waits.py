"""What a blocked thread waits for, by its system call."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from advisor.model.ledger import KINDS
from advisor.observe.procfs import SystemCall
from advisor.observe.syscalls import WAIT_BY, WaitBy, calls_of
from advisor.observe.waits import wait_kind

X86 = calls_of("x86_64")
NUMBER = {name: number for number, name in X86.items()}
GIL_ADDRESS = 0x1000
FOREVER = 0xFFFFFFFF


@dataclass
class FakeFacts:
    """A process whose descriptors are given."""

    links: dict[int, str] = field(default_factory=dict)
    polled: tuple[int, ...] = ()
    local: tuple[str, ...] = ("socket:[1]",)

    def link(self, descriptor: int) -> str:
        return self.links.get(descriptor, "")

    def is_local(self, link: str) -> bool:
        return link in self.local

    def feeds_program(self, link: str) -> bool:
        return link == "pipe:[child]"

    def watched(self, _by: WaitBy, _call: SystemCall) -> tuple[int, ...]:
        return self.polled

    def is_gil(self, address: int) -> bool:
        return address == GIL_ADDRESS


def kind(name: str, *arguments: int, facts: FakeFacts | None = None, state: str = "S") -> str:
    call = SystemCall(number=NUMBER[name], arguments=(*arguments, *[0] * (6 - len(arguments))))
    return wait_kind(state, call, X86, facts or FakeFacts())


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("socket:[99]", "network"),
        ("socket:[1]", "pipe"),
        ("pipe:[7]", "pipe"),
        ("pipe:[child]", "child"),
        ("anon_inode:[pidfd]", "child"),
        ("/data/table.parquet", "disk"),
        ("/dev/pts/0", "other"),
        ("", "other"),
    ],
)
def test_a_descriptor_tells_what_is_waited_for(link: str, expected: str) -> None:
    assert kind("read", 3, facts=FakeFacts(links={3: link})) == expected


def test_calls_that_tell_by_themselves() -> None:
    assert kind("clock_nanosleep") == "sleep"
    assert kind("wait4") == "child"
    assert kind("fsync", 3) == "disk"
    assert kind("flock", 3) == "lock"
    assert wait_kind("S", None, X86, FakeFacts()) == "other"
    assert wait_kind("S", SystemCall(number=9999, arguments=(0,) * 6), X86, FakeFacts()) == "other"


def test_a_futex_is_the_gil_or_a_lock() -> None:
    assert kind("futex", GIL_ADDRESS) == "gil"
    assert kind("futex", 0x2000) == "lock"


def test_a_wait_no_signal_can_interrupt_is_the_disks() -> None:
    assert kind("read", 3, facts=FakeFacts(links={3: "pipe:[7]"}), state="D") == "disk"
    assert wait_kind("D", SystemCall(number=-1), X86, FakeFacts()) == "disk"
    assert kind("vfork", state="D") == "child"


def test_a_poll_on_nothing_is_a_sleep_and_on_several_the_most_telling() -> None:
    both = FakeFacts(links={3: "pipe:[7]", 4: "socket:[99]"}, polled=(3, 4))

    assert kind("select") == "sleep"
    assert kind("poll", facts=both) == "network"


def test_an_event_loop_with_nothing_but_its_wake_up_socket() -> None:
    alone = FakeFacts(links={5: "socket:[1]"}, polled=(5,))
    serving = FakeFacts(links={5: "socket:[1]", 6: "socket:[99]"}, polled=(5, 6))

    assert kind("epoll_wait", 4, 0, 2, 1500, facts=alone) == "sleep"
    assert kind("epoll_wait", 4, 0, 2, FOREVER, facts=alone) == "lock"
    assert kind("epoll_wait", 4, 0, 2, 1500, facts=serving) == "network"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_call_of_a_machine_has_a_meaning_the_ledger_knows(machine: str) -> None:
    table = calls_of(machine)

    assert {"futex", "clock_nanosleep", "recvfrom", "ppoll", "wait4"} <= set(table.values())
    assert set(table.values()) <= set(WAIT_BY)
    assert all(wait_kind("S", SystemCall(number=n, arguments=(0,) * 6), table, FakeFacts()) in KINDS for n in table)


def test_an_unknown_machine_has_no_names() -> None:
    assert calls_of("pdp11") == {}
