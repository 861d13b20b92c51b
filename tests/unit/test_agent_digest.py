"""Equal values have equal digests, whatever sharing, order or address; different values differ."""

from __future__ import annotations

import collections
import copy
import datetime as dt
import decimal
import fractions
import pathlib
import pickle
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from advisor.agent.digest import digest

atoms = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.binary(max_size=5)
)
hashable = st.recursive(atoms, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=6)
values = st.recursive(
    hashable,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.sets(hashable, max_size=4)
        | st.dictionaries(hashable, inner, max_size=4)
    ),
    max_leaves=12,
)


@dataclass
class Point:
    x: Any
    y: Any = 0


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x: object) -> None:
        self.x = x


@given(values)
def test_a_copy_has_the_same_digest(value: object) -> None:
    assert digest(value) != ""
    assert digest(copy.deepcopy(value)) == digest(value)
    assert digest(pickle.loads(pickle.dumps(value))) == digest(value)


@given(values, values)
def test_different_values_differ(one: object, other: object) -> None:
    assume(repr(one) != repr(other) and one != other)
    assert digest(one) != digest(other)


@given(st.lists(hashable, max_size=6), st.randoms())
def test_the_order_of_sets_and_dicts_does_not_count(items: list[Any], random: Random) -> None:
    shuffled = items[:]
    random.shuffle(shuffled)
    assert digest(set(items)) == digest(set(shuffled))
    first = {item: repr(item) for item in items}
    assert digest(first) == digest({key: first[key] for key in sorted(first, key=lambda _: random.random())})


@given(values)
@settings(max_examples=30)
def test_sharing_does_not_count(value: object) -> None:
    assert digest([value, value, [value]]) == digest([value, copy.deepcopy(value), [copy.deepcopy(value)]])


PAIRS = [
    (1, True),
    (1, 1.0),
    ("a", b"a"),
    ([1], (1,)),
    ([], ()),
    ([[1], 2], [[1, 2]]),
    ({1}, frozenset([2])),
    ({1: 2}, {2: 1}),
    ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
    (Point(1), Point(2)),
    (Point(1), Slotted(1)),
    (Slotted(1), Slotted(2)),
    (bytearray(b"a"), bytearray(b"b")),
    (decimal.Decimal("1.0"), decimal.Decimal("1.1")),
    (fractions.Fraction(1, 2), fractions.Fraction(1, 3)),
    (dt.date(2026, 1, 1), dt.date(2026, 1, 2)),
    (pathlib.Path("a"), pathlib.Path("b")),
    (re.compile("a"), re.compile("b")),
    (collections.deque([1]), collections.deque([2])),
    (collections.Counter("aab"), collections.Counter("abb")),
    (ValueError("a"), ValueError("b")),
    (ValueError("a"), TypeError("a")),
    (len, max),
    (int, float),
    (re, copy),
    (range(3), range(4)),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_values_of_many_types_are_told_apart(one: object, other: object) -> None:
    assert digest(one)
    assert digest(one) != digest(other)
    if one is not re:  # modules cannot be copied
        assert digest(one) == digest(copy.deepcopy(one))


def test_what_cannot_be_looked_into_counts_by_its_type() -> None:
    assert digest(threading.Lock()) == digest(threading.Lock()) != ""
    assert digest(object()) == digest(object())


def test_a_value_within_itself_ends() -> None:
    def ring() -> list[Any]:
        made: list[Any] = [1]
        made.append(made)
        return made

    assert digest(ring()) == digest(ring()) != ""


def test_a_large_value_costs_little() -> None:
    assert digest(list(range(1_000_000))) != ""
    began = time.thread_time()
    assert digest([[i] for i in range(1_000_000)]) == ""
    assert digest({(i,) for i in range(300_000)}) == ""
    assert time.thread_time() - began < 10


def test_a_broken_value_has_no_digest() -> None:
    class Broken:
        def __reduce__(self) -> tuple[object, ...]:
            return (int, 5)

    assert digest(Broken()) != digest(1)


def test_arrays_count_by_shape_type_and_content() -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(6)
    different = [array.reshape(2, 3), array.reshape(3, 2), array.astype("f8"), array + 1, array[0], numpy.array(["a"])]
    assert len({digest(value) for value in [array, *different]}) == len(different) + 1
    assert digest(array) == digest(numpy.arange(12)[::2] // 2)
    assert digest(numpy.array([[1], "a"], dtype=object)) == digest(numpy.array([[1], "a"], dtype=object))


@pytest.mark.parametrize("put", [str, lambda text: [text, 1], lambda text: {"page": [text]}])
def test_the_address_that_a_text_shows_does_not_count(put: Callable[[str], object]) -> None:
    one, other = "<Page object at 0x7f1200a0> 3", "<Page object at 0x55d0c0ffee10> 3"
    assert digest(put(one)) == digest(put(other))
    assert digest(put(one)) != digest(put(one.replace("Page", "Post")))
    assert digest(put("0x7f12")) != digest(put("0x55d0"))
