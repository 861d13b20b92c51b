"""What keeps a call from being sent to another process, by its way from the arguments."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from advisor.agent.pickling import culprit
from advisor.agent.sample import Sample


class Session:
    def __init__(self) -> None:
        self.name = "s"
        self.pool = {"main": [1, threading.Lock()]}

    def get(self, key: int) -> int:
        return key


def use(*args: object, **kwargs: object) -> None:
    del args, kwargs


def generator() -> Any:  # noqa: ANN401
    yield 1


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "told"),
    [
        (use, (1, threading.Lock()), {}, "argument 2: TypeError: cannot pickle '_thread.lock'"),
        (use, ([0, generator()],), {}, "argument 1[1]: TypeError: cannot pickle 'generator'"),
        (use, (), {"session": Session()}, "argument 'session'.pool['main'][1]: TypeError"),
        (Session().get, (1,), {}, "self.pool['main'][1]: TypeError"),
        (functools.partial(use, open), ({"f": lambda: 1},), {}, "argument 1['f']: "),
        (functools.partial(use, threading.Lock()), (), {}, "partial argument 1: TypeError"),
        (lambda x: x, (1,), {}, "the function <lambda>: "),
    ],
)
def test_the_innermost_part_is_named(
    function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object], told: str
) -> None:
    assert culprit(ValueError("whole"), function, args, kwargs).startswith(told)


def test_a_value_too_large_to_search_has_the_first_error() -> None:
    rows = [[[0] * 5] * 5 for _ in range(2000)]
    assert culprit(TypeError("no way"), None, ([*rows, threading.Lock()],), {}).endswith(
        "cannot pickle '_thread.lock' object"
    )


def test_the_sample_keeps_what_it_was() -> None:
    sample = Sample()
    task = sample.capture(0, use, (Session(),), {}, limit_s=1.0, spare_s=1.0)
    assert task is not None
    assert sample.pickle_error is not None
    assert sample.pickle_error.startswith("argument 1.pool['main'][1]: ")
