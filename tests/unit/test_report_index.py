"""The index over reports: what it says of each, in which order, and that no name or card can do more than be read."""

from __future__ import annotations

import html as stdlib_html
import json
import re
from dataclasses import replace
from pathlib import Path

import builders
import checked
import pytest

from advisor.history.store import History
from advisor.report import card, history, html, index, words
from advisor.report.card import Card
from advisor.report.check import html as check_html
from advisor.report.index import Entry

ADVICE = card.of_advice(builders.wait_bound())
ENTRY = Entry(file="scraper.html", card=ADVICE)


def page_of(found: Card | str) -> str:
    text = card.content(found) if isinstance(found, Card) else found
    return f'<!doctype html>\n<head>\n<meta name="{card.NAME}" content="{stdlib_html.escape(text)}">\n'


def test_the_card_of_an_advice_is_in_its_page():
    found = card.found_in(html.render(builders.wait_bound()))
    assert found == ADVICE
    assert found.name == "scraper.py --pages 60"
    assert (found.gain.value, found.script_gain.value, found.basis) == (11.0, 5.8, "measured")
    assert (found.bound, found.created, found.python) == ("io-wait, network", "2026-11-22T10:00:00Z", "3.11.7")


@pytest.mark.parametrize(
    ("kind", "basis"),
    [("predicted", "predicted"), ("inconclusive", "undecided"), ("nothing_hot", ""), ("hostile", "measured")],
)
def test_every_kind_of_advice_says_what_it_rests_on(kind: str, basis: str):
    found = card.found_in(html.render(builders.KINDS[kind]()))
    assert found is not None
    assert found.basis == basis
    assert (found.gain is None) == (basis in ("undecided", ""))


def test_the_card_of_a_check_has_its_worst_ratio():
    found = card.found_in(check_html.render(checked.RESULT))
    assert found is not None
    assert (found.kind, found.ratio.value) == ("check", 1.1)
    assert found.name == f"{checked.RESULT.head.shown} against {checked.RESULT.base.shown}"


def test_the_card_of_a_trend_counts_its_checks(tmp_path: Path):
    kept = History(tmp_path / "history.sqlite3")
    kept.add(checked.CLEAN)
    found = card.found_in(history.render(kept.trend()))
    assert found == Card(
        kind="history", name="Trend of past checks", verdict="1 check of 2 scripts", created=checked.CLEAN.created
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "<html>", page_of("{"), page_of("[]"), page_of("null"), page_of('{"kind": "advice"}'),
        page_of('{"kind": "virus", "name": "x", "verdict": "x"}'), page_of('{"kind": 1, "name": "x", "verdict": "x"}'),
        page_of("[" * 60_000), "x" * card.HEAD_CHARS + page_of(ADVICE),
        page_of(json.dumps({"kind": "advice", "name": "x", "verdict": "x", "gain": {"value": 1, "low": 2, "high": 3}})),
    ],
)  # fmt: skip
def test_a_page_of_another_kind_has_no_card(text: str):
    assert card.found_in(text) is None


def test_a_verdict_without_end_is_cut_and_still_read():
    found = card.found_in(page_of(replace(ADVICE, verdict="\U0001f600" * 100_000)))
    assert found == replace(ADVICE, verdict="\U0001f600" * card.LONGEST_TEXT)


def test_the_newest_report_comes_first_and_says_what_its_card_does():
    older = replace(ADVICE, created="2026-11-21T10:00:00Z", name="older.py")
    text = index.render([Entry(file="older.html", card=older), Entry(file="scraper.html", card=ADVICE)])
    assert re.findall(r'href="([^"]*)"', text) == ["./scraper.html", "./older.html"]
    assert words.gain(ADVICE.gain) in text
    assert "io-wait, network" in text
    assert "2026-11-22 10:00" in text


def test_a_ratio_is_not_taken_for_a_gain():
    found = card.of_check(checked.RESULT, "slower")
    assert "1.10x (1.08-1.12) of base" in index.render([Entry(file="check.html", card=found)])


def test_hostile_names_and_cards_are_text():
    hostile = Card(
        kind="advice", name=builders.HOSTILE, verdict=builders.HOSTILE, created=builders.HOSTILE,
        bound=builders.HOSTILE, python=builders.HOSTILE,
    )  # fmt: skip
    names = ("javascript:alert(1).html", builders.HOSTILE.replace("/", "") + ".html", "..html", "a\udcffb.html")
    text = index.render(Entry(file=name, card=hostile) for name in names)
    assert "<img" not in text
    assert not set(text) & set("\x1b\u202e\udc80\udcff")
    text.encode()
    addresses = re.findall(r'href="([^"]*)"', text)
    assert len(addresses) == 4
    assert all(re.fullmatch(r"\./[\w%.~-]+", address) for address in addresses)


def test_an_empty_folder_has_an_index_that_says_so():
    text = index.render([])
    assert "no reports" in text
    assert card.is_index(text)
    assert not card.is_index(html.render(builders.wait_bound()))


def test_it_says_how_many_older_pages_are_not_listed():
    assert "3 older pages of the folder are not listed" in index.render([ENTRY], left_out=3)
    assert "not listed" not in index.render([ENTRY])


def test_the_page_loads_nothing_and_runs_one_script_of_ours():
    text = index.render([Entry(file="a.html", card=ADVICE)])
    assert re.findall(r"<script", text) == ["<script"]
    assert "default-src 'none'" in text
    assert not re.search(r"@import|url\(|src=", text)
