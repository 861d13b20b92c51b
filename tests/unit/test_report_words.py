from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest

from advisor.model.advice import Interval
from advisor.report import words

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("value_s", "shown"),
    [(123.4, "123 s"), (2.126, "2.13 s"), (9.999, "10.0 s"), (0.0123, "12.3 ms"), (0.00045, "450 us"), (0, "0 s"),
     (None, "-"), (math.nan, "-")],
)  # fmt: skip
def test_seconds_have_the_unit_that_suits_them(value_s: float | None, shown: str):
    assert words.seconds(value_s) == shown


@pytest.mark.parametrize(("share", "shown"), [(0.97, "97%"), (0.004, "0.4%"), (0, "0%"), (1, "100%"), (None, "-")])
def test_percent(share: float | None, shown: str):
    assert words.percent(share) == shown


@pytest.mark.parametrize(
    ("value_bytes", "shown"), [(0, "0 B"), (999, "999 B"), (24_000_000, "24 MB"), (5e15, "5,000 TB"), (None, "-")]
)
def test_size(value_bytes: float | None, shown: str):
    assert words.size(value_bytes) == shown


def test_an_interval_has_as_many_decimals_as_its_value():
    assert words.interval(1.0, 0.951, 1.049) == "1.00x (0.95-1.05)"
    assert words.interval(11.41, 10.94, 11.8) == "11.4x (10.9-11.8)"
    assert words.interval(1200, 1100, 1300) == "1,200x (1,100-1,300)"
    assert words.interval(2.0, None, None) == "2.00x"


def test_a_median_shows_its_spread_and_a_single_run_none():
    assert words.spread(2.0, 1.9, 2.1) == "2.00 s ±5%"
    assert words.spread(2.0, 2.0, 2.0) == "2.00 s"


@pytest.mark.parametrize(("value", "shown"), [(0, "0.0"), (0.01, "<0.1"), (2, "2.0"), (1000.4, "1000"), (None, "-")])
def test_a_rate_is_zero_only_where_it_is(value: float | None, shown: str):
    assert words.rate(value) == shown


def test_escapes_reordering_marks_and_surrogates_are_spelled_out():
    assert words.printable("a\x1b[31m\u202eb\udc80\nc\u2028ä中") == r"a\x1b[31m\u202eb\udc80\nc\u2028" + "ä中"


def test_a_path_is_relative_to_the_folder_and_cut_at_its_beginning():
    assert words.place("/home/ada/shop/a.py", 3, cwd="/home/ada") == "shop/a.py:3"
    assert words.place("/home/ada/shop/a.py", 3, cwd="/srv") == "/home/ada/shop/a.py:3"
    assert words.place("/home/ada/shop/a.py", 3, cwd="/srv", width=16) == ".../shop/a.py:3"
    assert words.place("/srv/averyveryverylongname.py", 3, cwd="/x", width=14) == "...ngname.py:3"


def test_a_folder_that_was_deleted_leaves_paths_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert words.place("/srv/a.py", 1) == "/srv/a.py:1"
    os.chdir(tmp_path)


@pytest.mark.parametrize(("value_s", "text"), [(0.05, "+50.0 ms"), (-1.2, "-1.20 s"), (0.0, "0 s")])
def test_a_difference_has_its_sign(value_s: float, text: str):
    assert words.signed_seconds(value_s) == text


def test_a_ratio_near_one_keeps_its_distance_from_it():
    assert words.near_one(Interval(value=1.0041, low=0.985, high=1.0209)) == "1.004x (0.985-1.021)"
