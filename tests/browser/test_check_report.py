from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import checked
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from waiting import first_paint_ms

from advisor.model.check import StackChange
from advisor.report.check import html

pytestmark = pytest.mark.browser
Show = Callable[[str], Page]
ROOT = "jobs/import data.py --all"
PARSE = "parse (jobs/parse.py)"
READ = "read (jobs/io.py:5)"
STACKS = (
    *checked.SLOWER.stacks,
    StackChange(frames=("<module> (jobs/import data.py)", READ), base_s=0.1, head_s=0.05),
)
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\u202eevil\x1b[31m{{7*7}}"


def text_of(stacks: tuple[StackChange, ...]) -> str:
    return html.render(replace(checked.RESULT, scripts=(replace(checked.SLOWER, stacks=stacks),)))


def tile(page: Page, name: str) -> Locator:
    return page.locator("g.frame").filter(has_text=name)


def width(page: Page, name: str) -> float:
    return float(tile(page, name).locator("rect").get_attribute("width") or "nan")


def many_stacks() -> tuple[StackChange, ...]:
    """Ten thousand stacks of twenty frames, most of which share their beginning."""
    shared = [[f"level_{depth}_{at % 2**depth} (deep.py:{depth})" for depth in range(19)] for at in range(10_000)]
    return tuple(
        StackChange(frames=(*frames, f"leaf_{at} (deep.py:99)"), base_s=1e-3, head_s=1e-3 * (1 + at % 3 / 10))
        for at, frames in enumerate(shared)
    )


@pytest.fixture
def report(show: Show) -> Page:
    return show(text_of(STACKS))


def test_every_outcome_opens_without_a_request_or_an_error(show: Show):
    page = show(html.render(checked.RESULT))
    expect(page.locator("article")).to_have_count(len(checked.RESULT.scripts))
    expect(tile(page, PARSE)).to_be_visible()


def test_hovering_tells_seconds_and_shares_and_says_so_aloud(report: Page):
    tile(report, PARSE).hover()
    line = report.get_by_role("status")
    expect(line).to_have_text(f"{PARSE}: base 200 ms (50%), head 250 ms (64%), change +50.0 ms (+25%); itself +50.0 ms")
    expect(line).to_have_attribute("aria-live", "polite")


def test_what_grew_and_what_shrank_differ_in_colour_and_in_sign(report: Page):
    grew, shrank = tile(report, PARSE), tile(report, READ)
    expect(grew).to_contain_text("▲")
    expect(shrank).to_contain_text("▼")
    red, blue = (each.locator("rect").evaluate("it => getComputedStyle(it).fill") for each in (grew, shrank))
    assert red != blue


def test_search_marks_what_it_finds_and_sums_it_up(report: Page):
    before = tile(report, PARSE).locator("rect").evaluate("it => getComputedStyle(it).fill")
    report.get_by_label("Search").fill("PARSE")
    expect(report.get_by_role("status")).to_have_text(
        '"PARSE": 1 frame, base 200 ms (50%), head 250 ms (64%), change +50.0 ms (+25%)'
    )
    assert tile(report, PARSE).locator("rect").evaluate("it => getComputedStyle(it).fill") != before
    report.get_by_label("Search").fill("")
    expect(report.get_by_role("status")).to_contain_text(f"{ROOT}: base 400 ms")
    assert tile(report, PARSE).locator("rect").evaluate("it => getComputedStyle(it).fill") == before


def test_a_search_for_what_is_not_there_says_so(report: Page):
    report.get_by_label("Search").fill("(nothing[")
    expect(report.get_by_role("status")).to_have_text('"(nothing[": no frame')


def test_a_click_zooms_in_and_the_button_out_again(report: Page):
    whole = width(report, ROOT)
    narrow = width(report, PARSE)
    assert narrow == pytest.approx(whole * 250 / 390, rel=0.01)
    tile(report, PARSE).click()
    assert width(report, PARSE) == pytest.approx(whole, rel=0.01)
    expect(tile(report, READ)).to_have_count(0)
    report.get_by_role("button", name="Reset zoom").click()
    assert width(report, PARSE) == narrow
    expect(tile(report, READ)).to_have_count(1)


def test_the_width_can_be_that_of_base_or_of_the_change(report: Page):
    whole = width(report, ROOT)
    report.get_by_label("base", exact=True).check()
    assert width(report, PARSE) == pytest.approx(whole * 200 / 400, rel=0.01)
    report.get_by_label("change", exact=True).check()
    assert width(report, PARSE) == pytest.approx(whole * 50 / 110, rel=0.01)


def test_a_function_that_is_gone_in_head_is_found_in_base(show: Show):
    gone = StackChange(frames=("old (jobs/old.py:1)",), base_s=0.1, head_s=0.0)
    page = show(text_of((*STACKS, gone)))
    expect(tile(page, "old (")).to_have_count(0)
    page.get_by_label("base", exact=True).check()
    tile(page, "old (").hover()
    expect(page.get_by_role("status")).to_contain_text("gone in head")


def test_search_outlives_a_change_of_width(report: Page):
    report.get_by_label("Search").fill("parse")
    expect(report.get_by_role("status")).to_contain_text('"parse": 1 frame')
    found = tile(report, PARSE).locator("rect").evaluate("it => getComputedStyle(it).fill")
    report.get_by_label("base", exact=True).check()
    assert tile(report, PARSE).locator("rect").evaluate("it => getComputedStyle(it).fill") == found
    expect(report.get_by_role("status")).to_contain_text('"parse": 1 frame')


def test_the_graph_can_be_read_and_zoomed_by_keyboard_alone(report: Page):
    line = report.get_by_role("status")
    report.get_by_role("button", name="Reset zoom").focus()
    report.keyboard.press("Tab")
    expect(line).to_contain_text(f"{ROOT}: ")
    for key, told in (
        ("ArrowDown", "<module>"), ("ArrowDown", "main "), ("ArrowRight", "read "), ("ArrowLeft", "main "),
        ("ArrowDown", "parse "), ("ArrowDown", "parse "), ("ArrowUp", "main "),
    ):  # fmt: skip
        report.keyboard.press(key)
        expect(line).to_have_text(re.compile(f"^{told}"))
    whole = width(report, ROOT)
    report.keyboard.press("Enter")
    assert width(report, "main (") == pytest.approx(whole, rel=0.01)
    report.keyboard.press("Escape")
    assert width(report, "main (") < whole


def test_the_graph_fills_the_window_it_is_given(report: Page):
    report.set_viewport_size({"width": 360, "height": 800})
    holder = report.locator(".graph")
    expect(holder.locator("svg")).to_have_attribute("width", re.compile(r"^3[012]\d$"))
    assert report.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("width_px", [360, 768, 1920])
def test_nothing_is_wider_than_the_window(show: Show, page: Page, width_px: int):
    page.set_viewport_size({"width": width_px, "height": 900})
    show(html.render(checked.RESULT))
    assert page.evaluate("document.documentElement.scrollWidth") == width_px


def test_the_page_follows_the_theme_of_the_system(report: Page):
    paper = []
    for scheme in ("light", "dark"):
        report.emulate_media(color_scheme=scheme)
        paper.append(report.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert paper == ["rgb(255, 255, 255)", "rgb(20, 23, 26)"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_grave_violation(show: Show, page: Page, axe: Callable[[Page], list[str]], scheme: str):
    page.emulate_media(color_scheme=scheme)
    show(html.render(checked.RESULT))
    page.evaluate("document.querySelectorAll('details').forEach(it => { it.open = true; })")
    page.get_by_label("Search").fill("parse")
    assert axe(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_names_in_the_graph_can_be_read_on_every_colour(report: Page, scheme: str):
    report.emulate_media(color_scheme=scheme)
    report.get_by_label("Search").fill("read")
    expect(report.get_by_role("status")).to_contain_text("1 frame")
    contrasts = report.evaluate(CONTRASTS)
    assert len(contrasts) == 5
    assert min(contrasts) >= 4.5


def test_names_of_a_users_code_stay_names(show: Show):
    page = show(text_of((StackChange(frames=(HOSTILE,), base_s=0.1, head_s=0.2),)))
    expect(tile(page, "</script><img")).to_be_visible()
    assert page.locator("img").count() == 0
    tile(page, "</script><img").hover()
    expect(page.get_by_role("status")).to_contain_text("</script><img src=x onerror=alert(1)>")


def test_without_scripts_the_figures_are_still_there(browser: Browser):
    page = browser.new_page(java_script_enabled=False, offline=True)
    page.set_content(text_of(STACKS))
    expect(page.locator("noscript p")).to_be_visible()
    expect(page.get_by_text("Reset zoom")).to_be_hidden()
    page.get_by_text("Stacks by change").click()
    expect(page.get_by_role("cell", name="+50.0 ms").first).to_be_visible()
    page.context.close()


def test_ten_thousand_stacks_are_painted_within_a_second_and_can_be_searched(show: Show):
    page = show(text_of(many_stacks()))
    assert first_paint_ms(page) < 1000
    expect(tile(page, "level_0_0")).to_be_visible()
    assert page.locator("g.frame").count() < 5_000
    page.get_by_label("Search").fill("deep.py")
    expect(page.get_by_role("status")).to_have_text(
        '"deep.py": 76,383 frames, base 10.0 s (100%), head 11.0 s (100%), change +1.00 s (+10%)'
    )


CONTRASTS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const part = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map((each) => part(each / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  return [...document.querySelectorAll("g.frame")].map((tile) => {
    const [one, other] = [
      light(getComputedStyle(tile.querySelector("rect")).fill),
      light(getComputedStyle(tile.querySelector(".d3-flame-graph-label")).color),
    ].sort((low, high) => high - low);
    return (one + 0.05) / (other + 0.05);
  });
}"""
"""The contrast ratio (WCAG 2) of each drawn name on its bar."""
