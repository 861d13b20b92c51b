"""Signals that wait until somebody can end what is being started."""

from __future__ import annotations

import signal

import pytest

from advisor.observe.signals import held_back


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    came = []

    def start() -> None:
        with held_back():
            signal.raise_signal(signal.SIGINT)
            came.append("the block was gone through")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert came == ["the block was gone through"]


def test_an_interrupt_is_not_lost_where_the_block_fails() -> None:
    def start() -> None:
        with held_back():
            signal.raise_signal(signal.SIGINT)
            raise FileNotFoundError("git")

    with pytest.raises(KeyboardInterrupt):
        start()
