from __future__ import annotations

import re

import builders
import pytest

from advisor.model.advice import SiteAdvice
from advisor.model.ledger import Ledger
from advisor.model.site import Safety
from advisor.model.trial import SERIAL
from advisor.recommend.margins import stay
from advisor.report import terminal

ANSI = re.compile(r"\x1b\[\d+m")


@pytest.mark.parametrize("kind", [kind for kind in builders.KINDS if kind != "hostile"])
def test_fits_80_columns(kind: str):
    text = terminal.render(builders.KINDS[kind](), width=80)
    assert [line for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("kind", builders.KINDS)
def test_the_verdict_is_the_first_line(kind: str):
    advice = builders.KINDS[kind]()
    assert terminal.render(advice, width=500).startswith(advice.verdict[:10])


def test_a_prediction_is_called_one_and_never_measured():
    text = terminal.render(builders.predicted())
    assert "PREDICTED, not measured" in text
    assert "Measured in" not in text


@pytest.mark.parametrize(("sleeps", "told"), [(0.97, "No gain is promised: what the calls change"), (0.2, "no trials")])
def test_calls_that_may_pause_by_what_they_change_say_why_no_gain_is_promised(sleeps: float, told: str):
    limiter = Safety(status="unsafe", reasons=("the calls change limiter.last",), changes=("limiter.last",))
    place = builders.site(safety=limiter, ledger=Ledger(sleep=sleeps, python=1 - sleeps))
    kept = stay(SERIAL, "the calls change limiter.last", measured=False)
    text = terminal.render(builders.advice("Stay serial", SiteAdvice(site=place, recommendation=kept)), width=500)
    assert told in text


@pytest.mark.parametrize("kind", builders.KINDS)
def test_colour_changes_no_letter(kind: str):
    advice = builders.KINDS[kind]()
    colored = terminal.render(advice, color=True)
    assert ANSI.search(colored)
    assert ANSI.sub("", colored) == terminal.render(advice)


def test_hostile_text_reaches_the_terminal_spelled_out():
    text = terminal.render(builders.hostile())
    assert not set(text) & set("\x1b\u202e\udc80")
    text.encode()  # no lone surrogate left


def test_staying_as_it_is_without_a_trial_is_no_prediction():
    text = terminal.render(builders.unmeasured())
    assert "Not measured: no trials" in text
    assert "PREDICTED" not in text


def test_a_failed_script_and_an_interrupted_one_are_named():
    failed, stopped = (
        " ".join(terminal.render(each()).split()) for each in (builders.script_failed, builders.interrupted)
    )
    assert failed.count("failed with exit code 1 (ValueError: bad page)") == 1
    assert stopped.count("Stopped before its end") == 1


def test_why_a_trial_has_no_seconds_is_said():
    assert "4 processes timed out: killed after 20 s" in terminal.render(builders.pool_change())
