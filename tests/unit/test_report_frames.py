from __future__ import annotations

import builders
import pytest

from advisor.model.ledger import Ledger
from advisor.report import frames


def test_the_best_site_is_marked_and_the_hottest_is_first():
    table = frames.sites(builders.wait_bound())
    assert table["callee"].tolist() == ["fetch", "parse"]
    assert table["best"].tolist() == [True, False]


def test_speed_ups_are_against_what_the_script_does_today():
    entry = builders.pool_change().sites[0]
    table = frames.trials(entry).set_index("mix")
    assert table.loc["64 threads", "speedup"] == 1.0
    assert table.loc["2 processes, chunks of 4", "speedup"] == pytest.approx(4.4 / 2.1)
    assert table["today"].sum() == 1


def test_the_recommended_row_is_one_and_has_its_interval_around_it():
    table = frames.trials(builders.wait_bound().sites[0])
    (row,) = frames.rows(table[table["recommended"].astype(bool)])
    assert row.mix == "16 threads"
    assert row.speedup_low <= row.speedup <= row.speedup_high


def test_nothing_is_recommended_while_undecided():
    assert not frames.trials(builders.inconclusive().sites[0])["recommended"].any()


def test_trials_of_different_task_counts_compare_per_task():
    entry = builders.wait_bound().sites[0]
    fewer = type(entry)(
        site=entry.site,
        trials=(builders.trial(builders.SERIAL, 5.0, tasks=50), builders.trial(builders.threads(2), 5.0, tasks=100)),
    )
    assert frames.trials(fewer)["speedup"].tolist() == [1.0, pytest.approx(2.0)]


def test_a_failed_trial_has_no_speed_up():
    table = frames.trials(builders.pool_change().sites[0]).set_index("mix")
    assert table.loc["4 processes", "speedup"] is None
    assert table.loc["4 processes", "error"] == "killed after 20 s"


@pytest.mark.parametrize(
    "seconds", [{"python": 1, "network": 1, "disk": 1}, {"gil": 1, "lock": 6, "sleep": 6}, {"other": 5}]
)
def test_a_shown_ledger_adds_up_to_100_percent(seconds: dict[str, float]):
    table = frames.ledger(Ledger.of_seconds(seconds), wall_s=2.0)
    assert sum(table["percent"]) == pytest.approx(100, abs=1e-9)
    assert set(table["kind"]) == set(seconds)


def test_an_empty_ledger_has_no_rows():
    assert frames.ledger(Ledger(), wall_s=1.0).empty


def test_a_finding_is_said_once_and_the_gravest_first():
    table = frames.findings(builders.hostile())
    assert len(table) == 1
    assert table["site"].tolist() == ["s1"]
