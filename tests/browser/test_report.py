"""The report as a reader meets it: searched, sorted, copied from, printed, by keyboard and on a telephone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import builders
import profiled
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from test_check_report import CONTRASTS
from waiting import first_paint_ms, until

from advisor.model.ledger import KINDS
from advisor.model.profile import RunProfile
from advisor.model.shape import StackTime
from advisor.report import html
from advisor.report import json as advice_file

pytestmark = pytest.mark.browser
Show = Callable[[str], Page]
OPEN_ALL = "document.querySelectorAll('details').forEach(it => { it.open = true; })"
INK = """canvas => {
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const colours = new Set();
    for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] === 255) colours.add([...data.slice(at, at + 3)].join());
    }
    return [...colours];
}"""
REPORTS = builders.KINDS | {"profiled": profiled.wait_bound, "profiled hostile": profiled.hostile}


@pytest.fixture(scope="module")
def text() -> str:
    return html.render(profiled.wait_bound())


@pytest.fixture
def report(show: Show, text: str) -> Page:
    return show(text)


def tile(page: Page, name: str) -> Locator:
    return page.locator("g.frame").filter(has_text=name)


def live(page: Page, part: str) -> Locator:
    return page.locator(f"{part} [aria-live]")


def width(page: Page, name: str) -> float:
    return float(tile(page, name).locator("rect").get_attribute("width") or "nan")


@pytest.mark.parametrize("kind", REPORTS)
def test_every_report_opens_without_a_request_or_an_error(show: Show, kind: str):
    page = show(html.render(REPORTS[kind]()))
    expect(page.get_by_role("heading", level=2, name="Verdict")).to_be_visible()


def test_hostile_names_stay_names(show: Show):
    page = show(html.render(profiled.hostile()))
    expect(tile(page, "</script><img").first).to_be_visible()
    tile(page, "</script><img").last.hover()
    expect(live(page, "#flame")).to_contain_text("</script><img src=x onerror=alert(1)>")
    assert page.locator("img").count() == 0
    assert "\u202e" not in page.evaluate("document.body.innerText")


def test_the_change_is_copied_by_keyboard_and_said_to_be(report: Page):
    report.context.grant_permissions(["clipboard-read", "clipboard-write"])
    report.locator("#verdict .snippet button").focus()
    report.keyboard.press("Enter")
    expect(live(report, "#verdict .snippet")).to_have_text("copied")
    assert report.evaluate("navigator.clipboard.readText()") + "\n" == profiled.SNIPPET


def test_where_the_clipboard_is_closed_the_code_is_copied_or_selected(report: Page):
    report.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('closed')); }")
    report.locator("#verdict .snippet button").click()
    expect(live(report, "#verdict .snippet")).to_have_text(re.compile("^(copied|selected)"))
    assert "ThreadPoolExecutor" in report.evaluate("getSelection().toString()")


def test_pointing_at_a_stretch_of_the_time_line_tells_its_thread_and_kind(report: Page):
    graph = report.locator(".timeline .graph")
    box = graph.bounding_box()
    assert box is not None
    graph.hover(position={"x": box["width"] / 2, "y": 15})
    expect(live(report, ".timeline")).to_have_text("main, 0.52 s to 5.6 s: waiting for the network")


def test_the_time_line_is_read_by_keyboard(report: Page):
    line = live(report, ".timeline")
    report.locator(".timeline .graph").focus()
    expect(line).to_contain_text("main, 0 s to 0.4 s: on the CPU, Python")
    for key, told in (
        ("ArrowRight", "main, 0.4 s to 0.52 s"), ("End", "main, 5.6 s to 6 s"), ("ArrowDown", "thread 2, 5.5 s to 6 s"),
        ("ArrowLeft", "thread 2, 5 s to 5.5 s: ready to run, no CPU free"), ("Home", "thread 2, 0.5 s"),
        ("ArrowUp", "main, 0.4 s"),
    ):  # fmt: skip
        report.keyboard.press(key)
        expect(line).to_contain_text(told)


def test_the_time_line_answers_who_is_there_before_its_first_picture(page: Page, show: Show, text: str):
    page.add_init_script("window.held = []; window.requestAnimationFrame = (work) => held.push(work);")
    show(text)
    graph = page.locator(".timeline .graph")
    expect(graph.locator("svg")).to_have_count(0)
    graph.focus()
    expect(live(page, ".timeline")).to_contain_text("main, 0 s to 0.4 s")
    page.evaluate("held.forEach((work) => work(0))")
    expect(graph.locator("svg .cursor")).not_to_have_attribute("width", "0")


def test_a_frame_tells_its_share_its_kinds_and_whose_code_it_is(report: Page):
    line = live(report, "#flame")
    tile(report, "readinto").hover()
    expect(line).to_have_text("readinto (socket.py) [library]: 5.25 s (88%): network 5.20 s, Python 50.0 ms")
    tile(report, "fetch (scraper.py:7)").hover()
    expect(line).to_contain_text("[your code]")
    own, library = (
        tile(report, name).locator(".d3-flame-graph-label").evaluate("it => getComputedStyle(it).fontWeight")
        for name in ("fetch (scraper.py:7)", "readinto")
    )
    assert int(own) > int(library)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_names_in_the_flame_graph_can_be_read_on_every_kind_of_time(show: Show, page: Page, scheme: str):
    levels = ((profiled.own("mine", at), profiled.library(f"lib{at}")) for at in range(len(KINDS)))
    stacks = tuple(
        StackTime(levels=pair, states={kind: 1.0}) for pair, kind in zip(levels, KINDS, strict=True)
    )  # fmt: skip
    page.emulate_media(color_scheme=scheme)
    show(html.render(replace(profiled.wait_bound(), profile=RunProfile(stacks=stacks))))
    expect(tile(page, "lib0")).to_be_visible()
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) == 1 + 2 * len(KINDS)
    assert min(contrasts) >= 4.5


def test_search_zoom_and_reset(report: Page):
    report.get_by_label("Search").fill("loads")
    expect(live(report, "#flame")).to_contain_text('"loads": 1 frame, 420 ms (7%)')
    whole, narrow = width(report, "<module>"), width(report, "loads")
    tile(report, "loads").click()
    assert width(report, "loads") == pytest.approx(whole, rel=0.01)
    report.get_by_role("button", name="Reset zoom").click()
    assert width(report, "loads") == narrow


def test_the_flame_graph_of_the_cpu_and_of_the_gil(report: Page):
    whole = width(report, "<module>")
    report.get_by_label("on the CPU").check()
    assert width(report, "loads") == pytest.approx(whole * 0.4 / 0.55, rel=0.01)
    report.get_by_label("GIL, held or waited for").check()
    tile(report, "fetch (scraper.py:6)").hover()
    expect(live(report, "#flame")).to_contain_text("150 ms (50%): Python 100 ms, GIL wait 50.0 ms")


def test_the_charts_are_drawn_and_read_by_pointer_and_by_keyboard(report: Page):
    canvases = report.locator("#scaling canvas")
    expect(canvases).to_have_count(4)
    assert all(len(each.evaluate(INK)) > 3 for each in canvases.all())
    line = live(report, "#scaling")
    report.locator(".scaling").focus()
    expect(line).to_contain_text("1 worker: serial 1x")
    report.keyboard.press("End")
    expect(line).to_contain_text("32 workers: threads 11.2x")
    report.keyboard.press("ArrowLeft")
    expect(line).to_contain_text("predicted 14.1x")
    over = report.locator("#scaling .u-over").first
    box = over.bounding_box()
    assert box is not None
    over.hover(position={"x": box["width"] - 4, "y": 20})
    expect(line).to_contain_text("32 workers")


def test_the_charts_tell_why_they_stop_and_where_costs_begin(report: Page):
    caption = report.locator("#scaling figcaption")
    expect(caption).to_contain_text("the limit is tasks")
    expect(caption).to_contain_text("ADV201 (context switches) begins at 32 workers on threads")
    expect(caption).to_contain_text("ADV202 (memory) begins at 16 workers on processes")


def test_trials_are_sorted_by_click_and_by_keyboard(report: Page):
    table = report.locator("table.trials")
    first = table.locator("tbody tr").first.locator("th")
    heading = table.get_by_role("columnheader", name=re.compile("^Time"))
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(first).to_contain_text("32 threads")
    heading.get_by_role("button").focus()
    report.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    expect(first).to_contain_text("serial")
    table.get_by_role("columnheader", name=re.compile("^Mix")).get_by_role("button").click()
    expect(table.locator("[aria-sort]")).to_have_count(1)
    expect(first).to_contain_text("2 processes")


def test_what_was_not_measured_is_sorted_last_either_way(show: Show):
    table = show(html.render(builders.pool_change())).locator("table.trials")
    button = table.get_by_role("columnheader", name=re.compile("^Time")).get_by_role("button")
    for _ in range(2):
        button.click()
        expect(table.locator("tbody tr").last).to_contain_text("killed after 20 s")


def test_the_theme_can_be_chosen_and_the_charts_follow(report: Page):
    canvas = report.locator("#scaling canvas").first
    light = canvas.evaluate(INK)
    report.get_by_label("Theme").select_option("dark")
    assert report.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    changed = f"light => !({INK})(document.querySelector('#scaling canvas')).every(each => light.includes(each))"
    until(report, changed, light)
    report.get_by_label("Theme").select_option("light")
    assert report.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_first_key_leads_past_the_navigation(report: Page):
    report.keyboard.press("Tab")
    expect(report.locator(":focus")).to_have_text("Skip to the verdict")
    report.keyboard.press("Enter")
    expect(report.locator("#verdict")).to_be_focused()


def test_a_place_in_the_verdict_leads_to_its_line(report: Page):
    report.locator("#verdict").get_by_role("link", name="scraper.py:12").click()
    expect(report.locator("#line-1-12")).to_be_in_viewport()


@pytest.mark.parametrize("make", [profiled.wait_bound, profiled.hostile])
def test_the_advice_is_downloaded_without_a_network(show: Show, make: Callable[[], builders.Advice]):
    page = show(html.render(make()))
    with page.expect_download() as waited:
        page.get_by_role("button", name="Download the advice").click()
    found = json.loads(waited.value.path().read_text())
    assert found == advice_file.parse(advice_file.render(make()))


@pytest.mark.parametrize("width_px", [360, 768, 1920])
@pytest.mark.parametrize("make", [profiled.wait_bound, profiled.hostile, builders.predicted])
def test_nothing_is_wider_than_the_window(
    show: Show, page: Page, make: Callable[[], builders.Advice], width_px: int
):  # fmt: skip
    page.set_viewport_size({"width": width_px, "height": 900})
    show(html.render(make()))
    expect(page.locator("#method")).to_be_attached()
    page.evaluate(OPEN_ALL)
    assert page.evaluate("document.documentElement.scrollWidth") == width_px


def test_drawings_follow_the_window(report: Page):
    expect(report.locator("#scaling canvas")).to_have_count(4)
    report.set_viewport_size({"width": 360, "height": 800})
    expect(report.locator(".timeline svg")).to_have_attribute("width", re.compile(r"^3[0-4]\d"))
    until(report, "[...document.querySelectorAll('#scaling canvas')].every(it => it.clientWidth <= 350)")
    assert report.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["profiled", "profiled hostile", "predicted", "nothing_hot", "pool_change"])
def test_axe_finds_no_grave_violation(
    show: Show, page: Page, axe: Callable[[Page], list[str]], scheme: str, kind: str
):  # fmt: skip
    page.emulate_media(color_scheme=scheme)
    show(html.render(REPORTS[kind]()))
    page.evaluate(OPEN_ALL)
    assert axe(page) == []


def test_on_paper_it_is_light_and_nothing_is_hidden_by_scrolling(report: Page):
    report.get_by_label("Theme").select_option("dark")
    report.emulate_media(media="print")
    assert report.evaluate("getComputedStyle(document.body).color") == "rgb(27, 31, 36)"
    expect(report.get_by_role("navigation")).to_be_hidden()
    cut = "[...document.querySelectorAll('.scroll')].filter(it => getComputedStyle(it).overflowY !== 'visible').length"
    assert report.evaluate(cut) == 0
    report.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert report.locator("details:not([open])").count() == 0
    report.evaluate("dispatchEvent(new Event('afterprint'))")
    assert report.locator("details:not([open])").count() > 0
    ink = f"({INK})(document.querySelector('#scaling canvas')).includes('27,31,36')"
    until(report, ink)


def test_ten_thousand_stacks_and_two_hundred_trials_are_painted_within_a_second(show: Show):
    page = show(html.render(profiled.large()))
    assert first_paint_ms(page) < 1000
    expect(tile(page, "level_0_0")).to_be_visible()
    assert page.locator("g.frame").count() < 5_000
    page.get_by_label("Search").fill("leaf_")
    expect(live(page, "#flame")).to_contain_text('"leaf_": 10,000 frames')
    table = page.locator("table.trials")
    expect(table.locator("tbody tr")).to_have_count(200)
    spent = page.evaluate(
        """() => {
            const button = document.querySelector('table.trials th:nth-child(3) button');
            return Math.min(...[1, 2, 3].map(() => {
                const began = performance.now();
                button.click();
                document.body.offsetHeight;
                return performance.now() - began;
            }));
        }"""
    )
    assert spent < 500


def test_without_scripts_the_figures_are_there(browser: Browser, text: str):
    with browser.new_context(java_script_enabled=False, offline=True) as context:
        page = context.new_page()
        page.set_content(text)
        page.get_by_text("Scaling as a table").click()
        expect(page.locator("#scaling").get_by_role("cell", name="11.0x (10.8-11.4)")).to_be_visible()
        page.get_by_text("Time line as a table").click()
        expect(page.locator("#timeline").get_by_role("cell", name="5.08 s")).to_be_visible()
        expect(page.locator("#verdict .snippet code")).to_contain_text("ThreadPoolExecutor")


def test_an_older_advice_without_a_profile_is_whole(show: Show):
    page = show(html.render(builders.wait_bound()))
    expect(page.locator("#scaling canvas")).to_have_count(4)
    expect(page.locator("#flame")).to_contain_text("holds no stacks")
