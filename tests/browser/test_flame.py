from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from advisor.report import flame, page

pytestmark = pytest.mark.browser
STACKS = [
    (("<module> (job.py:1)", "fetch (job.py:5)"), {"network": 3.0, "python": 0.2}),
    (("<module> (job.py:1)", "crunch (job.py:9)"), {"python": 0.8, "gil": 0.5}),
]
TEMPLATE = """
{% from "flame.html.j2" import graph_of %}
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>A graph</title><style>{{ css }}</style></head>
<body><main><h1>A graph</h1>{% call graph_of(document, "a profile", "wall") %}Bars are functions.{% endcall %}</main>
{% for script in scripts %}<script>{{ script }}</script>{% endfor %}
</body></html>
"""


@pytest.fixture
def graph(show: Callable[[str], Page]) -> Page:
    """A page with nothing but the graph of a profile by kind of time."""
    values = {
        "document": flame.document(flame.of_states("job.py", STACKS)), "scripts": flame.scripts(),
        "css": page.asset("report.css") + page.asset(flame.STYLE),
    }  # fmt: skip
    return show(page._environment().from_string(TEMPLATE).render(values))


def tile(graph: Page, name: str) -> Locator:
    return graph.locator("g.frame").filter(has_text=name)


def fill(graph: Page, name: str) -> str:
    return str(tile(graph, name).locator("rect").evaluate("it => getComputedStyle(it).fill"))


def width(graph: Page, name: str) -> float:
    return float(tile(graph, name).locator("rect").get_attribute("width") or "nan")


def test_hovering_tells_the_kinds_of_time_the_longest_first(graph: Page):
    tile(graph, "fetch").hover()
    expect(graph.get_by_role("status")).to_have_text("fetch (job.py:5): 3.20 s (71%): network 3.00 s, Python 200 ms")


def test_a_frame_has_the_colour_of_what_it_spends_most_on_in_that_view(graph: Page):
    waiting, computing = fill(graph, "fetch"), fill(graph, "crunch")
    assert waiting != computing
    graph.get_by_label("GIL, held or waited for").check()
    assert fill(graph, "fetch") == fill(graph, "crunch") == computing


def test_the_view_sets_the_width(graph: Page):
    whole = width(graph, "<module>")
    assert width(graph, "fetch") == pytest.approx(whole * 3.2 / 4.5, rel=0.01)
    graph.get_by_label("on the CPU").check()
    assert width(graph, "fetch") == pytest.approx(whole * 0.2 / 1.0, rel=0.01)


def test_axe_finds_no_grave_violation(graph: Page, axe: Callable[[Page], list[str]]):
    assert axe(graph) == []
