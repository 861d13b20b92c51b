from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from itertools import pairwise

import checked
import pytest
from builders import HOSTILE
from markup import Page

from advisor.model.check import CheckResult, Pairs, Revision, RuleResult, ScriptCheck, SiteChange, StackChange
from advisor.report.check import chart, html, phrases

TAGS_OF_OURS = frozenset(
    re.findall(
        r"\w+",
        "a article body br button circle code dd details div dl dt fieldset figcaption figure g h1 h2 h3 h4 head "
        "header html input label legend li line main meta nav noscript p rect script section span style summary svg "
        "table tbody td text th thead title tr ul",
    )
)
RESULTS: dict[str, CheckResult] = {
    "every outcome": checked.RESULT,
    "clean": checked.CLEAN,
    "nothing": replace(checked.RESULT, scripts=()),
    "interrupted": replace(
        checked.RESULT, scripts=(checked.UNCLEAR,), interrupted=True, notes=("stopped by `Ctrl-C`",)
    ),
}


def hostile() -> CheckResult:
    """Every text a user's code or repository can reach holds markup, quotes, reordering marks, escapes, surrogates."""
    rule = RuleResult(
        rule="bound", code="ADV504", outcome="worse", level="error", message=HOSTILE, threshold=HOSTILE, unit=HOSTILE,
        base=1.0, head=2.0,
    )  # fmt: skip
    script = replace(
        checked.SLOWER, name=HOSTILE, file=HOSTILE, reason=HOSTILE, notes=(HOSTILE,), rules=(rule,),
        sites=(SiteChange(file=HOSTILE, line=1, function=HOSTILE, base_s=0.1, head_s=0.2, state=HOSTILE),),
        stacks=(StackChange(frames=(HOSTILE, HOSTILE), base_s=0.1, head_s=0.2),),
    )  # fmt: skip
    side = Revision(name=HOSTILE, commit="", why=HOSTILE)
    machine = replace(checked.FINGERPRINT, cpu=HOSTILE, system=HOSTILE, python=HOSTILE)
    return replace(checked.RESULT, base=side, head=side, fingerprint=machine, scripts=(script,), notes=(HOSTILE,))


def texts(result: CheckResult) -> str:
    return re.sub(r"\s+", " ", " ".join(Page(html.render(result)).texts))


def scripts(text: str) -> list[str]:
    return [each for each in Page(text).scripts if each.strip()]


def without_libraries(text: str) -> str:
    return re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)


@pytest.fixture(params=[*RESULTS, "hostile"])
def page(request: pytest.FixtureRequest) -> str:
    return html.render(hostile() if request.param == "hostile" else RESULTS[request.param])


def test_hostile_text_makes_no_tag_no_handler_and_no_reordering():
    text = html.render(hostile())
    found = Page(text)
    assert set(found.tags) <= TAGS_OF_OURS
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert not set(without_libraries(text)) & set("\x1b\u202e\udc80")
    assert not re.search(r"\b49\b", "".join(found.texts))


def test_the_page_loads_nothing(page: str):
    outside = [(name, value) for name, value in Page(page).attributes if name in {"src", "href"} and value[0] != "#"]
    assert outside == []
    assert not re.search(r"@import|url\(", without_libraries(page))


def test_only_the_scripts_of_ours_are_allowed_to_run():
    text = html.render(checked.RESULT)
    running = [each for each in scripts(text) if not each.startswith("{")]
    assert len(running) > 3
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in running]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert f'script-src {allowed}"' in text.replace("&#39;", "'")


def test_a_page_without_a_graph_has_no_library():
    text = html.render(checked.CLEAN)
    assert len(scripts(text)) == 1
    assert len(text) < 100_000


def test_the_page_can_be_written_as_utf8(page: str):
    page.encode()


def test_the_same_result_makes_the_same_page():
    assert html.render(checked.RESULT) == html.render(replace(checked.RESULT))


def test_ids_are_unique_and_labels_point_at_what_is_there(page: str):
    attributes = Page(page).attributes
    ids = [value for name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    wanted = {value for name, value in attributes if name in {"aria-labelledby", "aria-describedby"}}
    wanted |= {value[1:] for name, value in attributes if name == "href"}
    assert wanted <= set(ids)


def test_headings_go_down_one_level_at_a_time(page: str):
    levels = [int(tag[1]) for tag in Page(page).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_each_script_has_its_verdict_with_ratio_interval_medians_pairs_and_chance():
    text = texts(checked.RESULT)
    assert re.search(
        r"jobs/import data.py --all regression 1.100x \(1.080-1.120\) 500 ms ±1% 550 ms ±1% 12 0.0004", text
    )
    assert re.search(r"broken.py not measured - - - 0 -", text)


def test_each_script_says_why():
    text = texts(checked.RESULT)
    assert all(script.reason in text for script in checked.RESULT.scripts)


def test_what_was_compared_is_named():
    text = texts(checked.RESULT)
    assert "origin/main (0123456789): merge base of origin/main and HEAD" in text
    assert "HEAD (fedcba9876) with uncommitted changes" in text


def test_this_machines_false_alarms_and_the_second_witness_are_told():
    text = texts(checked.RESULT)
    assert "equal arms came out 1.004x (0.985-1.021, 12 pairs)" in text
    assert "the rule calls 0.5% of equal arms different, a bare 3% limit 33%" in text
    assert "base 1,900,000,000, head 2,100,000,000, 1.11x" in text


def test_rules_show_their_figures_with_units():
    text = texts(checked.RESULT)
    assert re.search(r"ADV502 memory worse 31 MB 63 MB 2.000x \(1.980-2.020\) 20% 12 takes 2.0x the memory", text)
    assert re.search(r"ADV504 bound worse \(warning\) 3% 41% - 20 points 2 waits 41%", text)


def test_functions_show_their_change():
    assert re.search(
        r"parse jobs/parse.py:14 200 ms 250 ms \+50.0 ms ±4.00 ms on the CPU, Python", texts(checked.RESULT)
    )


def test_a_function_by_a_state_of_no_ledger_is_still_shown():
    odd = replace(checked.SLOWER.sites[0], state="elsewhere")
    assert "elsewhere" in texts(replace(checked.RESULT, scripts=(replace(checked.SLOWER, sites=(odd,)),)))


def test_every_run_stands_in_a_table():
    script = replace(checked.PASS, pairs=Pairs(base=(checked.run(0.1234),), head=(checked.run(0.1299),)))
    text = texts(replace(checked.RESULT, scripts=(script,)))
    assert re.search(r"1 base 123 ms .* 1 head 130 ms", text)


def test_the_stacks_that_changed_most_come_first_and_the_rest_is_counted():
    stacks = tuple(StackChange(frames=(f"f{at} (a.py:{at})",), base_s=0.1, head_s=0.1 + at / 1e3) for at in range(60))
    text = texts(replace(checked.RESULT, scripts=(replace(checked.SLOWER, stacks=stacks),)))
    table = text.split("Stacks by change, as a table")[1]
    assert table.startswith(" (first 40 of 60)")
    assert "f59 (a.py:59)" in table
    assert "f19 (a.py:19)" not in table


def test_the_graphs_data_holds_both_arms():
    (document, *_) = scripts(html.render(checked.RESULT))
    data = json.loads(document)
    assert data["names"][0] == checked.SLOWER.name
    assert [node[2:] for node in data["nodes"]] == [[], [], [0.1, 0.09], [0.2, 0.25]]


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS.keys())
def test_the_page_says_the_total_as_the_other_formats_do(result: CheckResult):
    assert " ".join(phrases.verdict(result).split()) in texts(result).replace("  ", " ")


def test_an_interval_stands_where_its_ratios_are():
    drawn = chart.of_intervals(checked.SLOWER)
    assert drawn is not None
    head, same = drawn.bars
    assert drawn.band_left < drawn.one_x < drawn.band_right < head.low_x < head.x < head.high_x
    assert drawn.one_x - drawn.band_left == pytest.approx(drawn.band_right - drawn.one_x)
    assert drawn.band_left < same.low_x < same.high_x < drawn.band_right


def test_runs_are_drawn_in_order_the_slower_the_higher():
    drawn = chart.of_runs(Pairs(base=(checked.run(0.5), checked.run(0.6)), head=(checked.run(0.7), checked.run(0.7))))
    assert drawn is not None
    base, head = drawn.arms
    assert base.dots[0].x < head.dots[0].x < base.dots[1].x
    assert base.dots[0].y > base.median_y > base.dots[1].y > head.dots[0].y == head.dots[1].y


@pytest.mark.parametrize("walls", [(0.5,), (0.5, 0.5), (0.0, 0.0), (0.001, 90.0)])
def test_any_seconds_can_be_drawn(walls: tuple[float, ...]):
    runs = tuple(checked.run(each) for each in walls)
    drawn = chart.of_runs(Pairs(base=runs, head=runs))
    assert drawn is not None
    assert all(0 <= dot.y <= chart.RUNS_HEIGHT and 0 <= dot.x <= chart.WIDTH for arm in drawn.arms for dot in arm.dots)
    assert drawn.y_ticks


@pytest.mark.parametrize("script", [checked.BROKEN, checked.NEW])
def test_what_was_not_measured_is_not_drawn(script: ScriptCheck):
    assert chart.of_intervals(script) is None
    assert chart.of_runs(script.pairs) is None
