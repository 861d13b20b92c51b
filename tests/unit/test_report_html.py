from __future__ import annotations

import base64
import hashlib
import json
import re

import builders
import pytest
from markup import Page

from advisor.report import codes, html
from advisor.report import json as advice_file

TAGS_OF_OURS = frozenset(
    re.findall(
        r"\w+",
        "a article bdi body br button circle code dd details div dl dt figcaption figure footer g h1 h2 h3 h4 head "
        "header html li line main meta nav p path polyline rect script section span strong style summary svg table "
        "tbody td text th thead title tr ul",
    )
)


@pytest.fixture(params=list(builders.KINDS))
def page(request: pytest.FixtureRequest) -> str:
    return html.render(builders.KINDS[request.param]())


def test_hostile_text_makes_no_tag_no_handler_and_no_reordering():
    text = html.render(builders.hostile())
    found = Page(text)
    assert set(found.tags) <= TAGS_OF_OURS
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert not set(text) & set("\x1b\u202e\udc80")
    assert "49" not in re.findall(r"\{\{7\*7\}\}|49", "".join(found.texts))


def test_the_page_loads_nothing(page: str):
    outside = [(name, value) for name, value in Page(page).attributes if name in {"src", "href"} and value[0] != "#"]
    assert outside == []
    assert not re.search(r"@import|url\(", page)


def test_only_the_script_of_ours_is_allowed_to_run(page: str):
    (document, script) = [each for each in Page(page).scripts if each.strip()]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page.replace("&#39;", "'")
    assert "</" not in document


@pytest.mark.parametrize("kind", builders.KINDS)
def test_the_embedded_advice_is_the_advice_file(kind: str):
    advice = builders.KINDS[kind]()
    embedded = next(each for each in Page(html.render(advice)).scripts if each.strip())
    assert json.loads(embedded) == advice_file.parse(advice_file.render(advice))


def test_the_page_can_be_written_as_utf8(page: str):
    page.encode()


def test_a_prediction_is_marked_as_one():
    text = " ".join(Page(html.render(builders.predicted())).texts)
    assert "Predicted, not measured" in text
    assert not re.search(r"Gain there\s+7\S+ \([\d.-]+\), measured", text)


def test_labels_point_at_what_is_there(page: str):
    attributes = Page(page).attributes
    present = {value for name, value in attributes if name == "id"}
    wanted = {value for name, value in attributes if name == "aria-labelledby"}
    wanted |= {value[1:] for name, value in attributes if name == "href"}
    assert wanted <= present


def test_ids_are_unique(page: str):
    found = [value for name, value in Page(page).attributes if name == "id"]
    assert len(found) == len(set(found))


def test_a_finding_comes_with_its_explanation():
    text = " ".join(Page(html.render(builders.predicted())).texts)
    assert codes.pages()["ADV303"].title in text


def test_every_code_of_the_design_has_a_page():
    design = {
        *(f"ADV{number}" for number in (101, 102, 103, 110)), *(f"ADV{number}" for number in range(201, 207)),
        *(f"ADV{number}" for number in range(301, 308)), *(f"ADV{number}" for number in range(401, 405)),
        *(f"ADV{number}" for number in range(501, 509)),
    }  # fmt: skip
    assert design <= set(codes.pages())
    assert all(page.meaning and page.found and page.cure for page in codes.pages().values())
