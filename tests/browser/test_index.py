"""The index of reports as a reader meets it: sorted by a press or a key, on a telephone, in both colour schemes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import builders
import checked
import pytest
from playwright.sync_api import Browser, Page, expect

from advisor.model.advice import Interval
from advisor.report import card, index
from advisor.report.index import Entry

pytestmark = pytest.mark.browser
FAST = card.of_advice(builders.wait_bound())
SLOW = replace(
    FAST, name="slow.py", gain=Interval(value=2.0, low=1.9, high=2.1), created="2026-11-23T10:00:00Z", basis="predicted"
)
OPEN = card.of_advice(builders.inconclusive())
CHECK = card.of_check(checked.RESULT, "slower")
HOSTILE = replace(SLOW, name=builders.HOSTILE, verdict=builders.HOSTILE * 3, created="2026-11-01T10:00:00Z", gain=None)


@pytest.fixture
def text() -> str:
    cards = {"fast": FAST, "slow": SLOW, "open": replace(OPEN, name="open.py"), "check": CHECK, "hostile": HOSTILE}
    return index.render(Entry(file=f"{name}.html", card=each) for name, each in cards.items())


def order(page: Page) -> list[str]:
    found = page.locator("tbody a").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    return [address.removeprefix("./").removesuffix(".html") for address in found]


def test_a_press_sorts_by_gain_and_another_turns_it_round(show: Callable[[str], Page], text: str):
    page = show(text)
    assert order(page)[:2] == ["check", "slow"]
    gain = page.get_by_role("button", name="Gain", exact=True)
    gain.click()
    assert order(page)[:3] == ["fast", "slow", "check"]
    expect(page.get_by_role("columnheader", name="Gain", exact=True)).to_have_attribute("aria-sort", "descending")
    gain.press("Enter")
    assert order(page)[:3] == ["check", "slow", "fast"]
    assert set(order(page)[3:]) == {"open", "hostile"}
    expect(page.locator("[aria-sort]")).to_have_count(1)


def test_words_and_dates_are_sorted_too(show: Callable[[str], Page], text: str):
    page = show(text)
    page.get_by_role("button", name="Made").click()
    assert order(page)[0] == "hostile"
    page.get_by_role("button", name="Basis").click()
    assert order(page)[0] == "open"


def test_nothing_is_wider_than_a_telephone(show: Callable[[str], Page], page: Page, text: str):
    page.set_viewport_size({"width": 360, "height": 700})
    show(text)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_nothing_grave_against_it(
    show: Callable[[str], Page], page: Page, axe: Callable[[Page], list[str]], text: str, scheme: str
):
    page.emulate_media(color_scheme=scheme)
    assert axe(show(text)) == []


def test_an_empty_index_says_so_without_a_complaint(show: Callable[[str], Page]):
    expect(show(index.render([])).get_by_role("main")).to_contain_text("no reports")


def test_without_scripts_the_newest_stands_first(browser: Browser, text: str):
    with browser.new_context(java_script_enabled=False, offline=True) as context:
        page = context.new_page()
        page.set_content(text)
        assert order(page)[0] == "check"
        assert page.get_by_role("button").count() == 0
