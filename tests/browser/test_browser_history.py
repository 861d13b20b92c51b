"""The page of trends as a reader meets it: drawn, in both colour schemes, on a telephone, and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import builders
import checked
import pytest
from playwright.sync_api import Browser, Page
from waiting import until

from advisor.history.store import History
from advisor.report import history

pytestmark = pytest.mark.browser
PAINTED = """canvas => {
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const colours = new Set();
    for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] === 255) colours.add(`rgb(${data[at]}, ${data[at + 1]}, ${data[at + 2]})`);
    }
    return [...colours];
}"""


@pytest.fixture
def text(tmp_path: Path) -> str:
    kept = History(tmp_path / "history.sqlite3")
    one = replace(checked.RESULT, scripts=(checked.SLOWER, checked.BROKEN))
    faster = replace(checked.FASTER, name=checked.SLOWER.name)
    hostile = replace(checked.PASS, name=builders.HOSTILE, file=builders.HOSTILE)
    for day, scripts in enumerate(((checked.SLOWER,), (checked.BROKEN, hostile), (faster,)), start=1):
        kept.add(replace(one, scripts=scripts, created=f"2026-11-0{day}T10:00:00Z"))
    return history.render(kept.trend())


def test_every_measured_panel_is_drawn_with_the_colours_of_its_verdicts(show: Callable[[str], Page], text: str):
    page = show(text)
    canvases = page.locator(".trend canvas")
    assert canvases.count() == 2
    script = page.locator("section", has_text=checked.SLOWER.name).locator(".trend canvas")
    painted = script.evaluate(PAINTED)
    for outcome in ("regression", "improvement"):
        colour = page.locator(f".marks .mark.{outcome}").evaluate("each => getComputedStyle(each).color")
        assert colour in painted


def test_the_drawing_follows_the_reader_s_colour_scheme(show: Callable[[str], Page], text: str):
    page = show(text)
    canvas = page.locator(".trend canvas").first
    light = canvas.evaluate(PAINTED)
    page.emulate_media(color_scheme="dark")
    changed = f"light => !({PAINTED})(document.querySelector('.trend canvas')).every(each => light.includes(each))"
    until(page, changed, light)


def test_nothing_is_wider_than_a_telephone(show: Callable[[str], Page], page: Page, text: str):
    page.set_viewport_size({"width": 360, "height": 700})
    show(text)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert all(box["width"] <= 360 for box in (each.bounding_box() for each in page.locator(".trend canvas").all()))


def test_the_drawing_shrinks_with_its_window(show: Callable[[str], Page], page: Page, text: str):
    show(text)
    page.set_viewport_size({"width": 500, "height": 700})
    until(page, "[...document.querySelectorAll('.trend canvas')].every(each => each.clientWidth <= 500)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_nothing_grave_against_it(
    show: Callable[[str], Page], page: Page, axe: Callable[[Page], list[str]], text: str, scheme: str
):
    page.emulate_media(color_scheme=scheme)
    opened = show(text)
    for summary in opened.locator("summary").all():
        summary.press("Enter")
    assert axe(opened) == []


def test_without_scripts_the_figures_are_there(browser: Browser, text: str):
    with browser.new_context(java_script_enabled=False, offline=True) as context:
        page = context.new_page()
        page.set_content(text)
        summary = page.locator("section", has_text=checked.SLOWER.name).locator("summary").first
        summary.click()
        assert page.get_by_role("cell", name="1.10x (1.08-1.12)").is_visible()
        assert page.locator(".trend").first.is_hidden()
