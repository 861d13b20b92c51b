"""`[tool.advise.check]`: what it says is done, and what cannot be followed is refused by name."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import ConfigError
from advisor.gate import config, starter
from advisor.model.checkplan import CheckPlan, Overrides, Rule
from advisor.model.trial import WorkerMix

HEAD = "[tool.advise.check]\n"
SOURCE = "pyproject.toml"


def parse(text: str) -> CheckPlan:
    return config.parse(text, SOURCE)


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'\n", "[tool.ruff]\n", "[tool.advise]\n", HEAD])
def test_without_a_section_all_is_at_its_default(text: str):
    plan = parse(text)
    assert (plan.scripts, plan.against, plan.share, plan.warn_only) == ((), None, (), False)
    assert (plan.defaults.threshold, plan.defaults.budget_s, plan.defaults.false_alarms) == (0.03, 60.0, 0.01)
    assert plan.defaults.rules.pool == Rule(threshold=2.0, level="warning")


def test_a_script_takes_what_it_does_not_set_from_the_check():
    plan = parse(
        HEAD + "budget = 30\nthreshold = '4%'\nshape = false\ntimeout = 9\nrules = {memory = '50%', gil = false}\n"
        "[[tool.advise.check.scripts]]\npath = './jobs/a.py'\nargs = ['--small', 'two words']\nstdin = 'in.txt'\n"
        "[[tool.advise.check.scripts]]\nmodule = 'tools.index'\nname = 'index'\nthreshold = 0.1\nbudget = 5.5\n"
        "warn-only = true\nrules = {memory = {level = 'warning'}, gil = true, pool = 3}\n"
    )
    first, second = plan.scripts
    assert (first.path, first.argv, first.stdin) == ("jobs/a.py", ("--small", "two words"), "in.txt")
    assert first.name == "jobs/a.py --small 'two words'"
    assert (first.threshold, first.budget_s, first.timeout_s, first.shape) == (0.04, 30.0, 9.0, False)
    assert first.rules.time == Rule(threshold=0.04, level="error")
    assert (first.rules.gil, first.warn_only) == (None, False)
    assert (second.module, second.path, second.name, second.warn_only) == ("tools.index", None, "index", True)
    assert (second.threshold, second.budget_s, second.timeout_s) == (0.1, 5.5, 9.0)
    assert second.rules.time == Rule(threshold=0.1, level="error")
    assert second.rules.memory == Rule(threshold=0.5, level="warning")
    assert second.rules.gil == Rule(threshold=0.2, level="warning")
    assert second.rules.pool == Rule(threshold=3.0, level="warning")


def test_a_rule_of_time_is_the_threshold_of_seconds():
    plan = parse(HEAD + "threshold = '3%'\nrules = {time = '8%'}\nscripts = [{path = 'a.py'}]")
    assert (plan.scripts[0].threshold, plan.scripts[0].rules.time) == (0.08, Rule(threshold=0.08, level="error"))


def test_a_threshold_of_a_script_goes_before_a_rule_of_the_check_and_leaves_its_level():
    plan = parse(
        HEAD + "rules = {time = {threshold = '8%', level = 'warning'}}\nscripts = [{path = 'a.py', threshold = '2%'}]"
    )
    assert plan.scripts[0].rules.time == Rule(threshold=0.02, level="warning")


def test_time_that_is_turned_off_stays_off_under_a_threshold():
    plan = parse(HEAD + "rules = {time = false}\nscripts = [{path = 'a.py', threshold = '2%'}]")
    assert (plan.scripts[0].rules.time, plan.scripts[0].threshold) == (None, 0.02)


@pytest.mark.parametrize(
    ("text", "mix"),
    [
        ("serial", WorkerMix()),
        ("4 threads", WorkerMix(backend="threads", threads_per_process=4)),
        ("2 processes", WorkerMix(backend="processes", processes=2)),
        ("2 processes x 4 threads", WorkerMix(backend="hybrid", processes=2, threads_per_process=4)),
    ],
)
def test_a_mix_is_written_as_it_is_shown(text: str, mix: WorkerMix):
    assert parse(HEAD + f"scripts = [{{path = 'a.py', mix = '{text}'}}]").scripts[0].mix == mix
    assert str(mix) == text


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        (HEAD + "treshold = '3%'", "treshold", "did you mean `threshold`?"),
        (HEAD + "warn_only = true", "warn_only", "did you mean `warn-only`?"),
        ("[tool.advise]\nchek = {}", "chek", "did you mean `check`?"),
        (HEAD + "rules = {tme = '3%'}", "tme", "did you mean `time`?"),
        (HEAD + "rules = {time = {treshold = '3%'}}", "treshold", "did you mean `threshold`?"),
        (HEAD + "scripts = [{path = 'a.py', bugdet = 2}]", "bugdet", "did you mean `budget`?"),
        (HEAD + "scripts = [{path = 'a.py', share = ['x']}]", "share", "the keys there are path, module"),
        (HEAD + "qqq = 1", "qqq", "the keys there are against"),
    ],
)
def test_an_unknown_key_is_refused_with_its_place_and_the_nearest_one(text: str, where: str, said: str):
    error = refusal(text)
    assert error.key.endswith(f".{where}")
    assert f"{SOURCE}: unknown key `{where}` in [" in str(error)
    assert said in str(error)


@pytest.mark.parametrize(
    ("line", "key", "said"),
    [
        ("threshold = 3", "threshold", 'write "3%" if 3% is meant, or "300%"'),
        (f"threshold = 1{'0' * 400}", "threshold", 'such as "3%"'),
        ("threshold = inf", "threshold", 'such as "3%"'),
        ("threshold = 20000.0", "threshold", 'such as "3%"'),
        ("threshold = 1", "threshold", 'write "1%" if 1% is meant, or "100%"'),
        ("threshold = '0%'", "threshold", 'such as "3%"'),
        ("threshold = -0.1", "threshold", 'such as "3%"'),
        ("threshold = true", "threshold", 'such as "3%"'),
        ("threshold = '3'", "threshold", 'such as "3%"'),
        ("threshold = nan", "threshold", 'such as "3%"'),
        ("false-alarms = '60%'", "false-alarms", 'at most "50%"'),
        ("budget = 0", "budget", "seconds over 0"),
        ("budget = inf", "budget", "seconds over 0"),
        ("budget = true", "budget", "seconds over 0"),
        (f"budget = 1{'0' * 400}", "budget", "seconds over 0"),
        ("budget = '60'", "budget", "seconds over 0"),
        ("warn-only = 'yes'", "warn-only", "true or false"),
        ("shape = 1", "shape", "true or false"),
        ("against = '--output=x'", "against", "a revision"),
        ("share = 'data/'", "share", "a list of paths"),
        ("share = ['/etc']", "share", "relative to the folder of this file"),
        ("share = ['data/../../x']", "share", "relative to the folder of this file"),
        ("rules = {pool = 1}", "rules.pool", "over 1"),
        ("rules = {gil = '120%'}", "rules.gil", 'at most "100%"'),
        ("rules = {time = {level = 'fatal'}}", "rules.time.level", '"error" or "warning"'),
        ("rules = 3", "rules", "a table"),
        ("scripts = ['a.py']", "scripts[0]", "a table"),
        ("scripts = {path = 'a.py'}", "scripts", "[[tool.advise.check.scripts]]"),
        ("scripts = [{path = 'a.py'}, {}]", "scripts[1]", "neither `path` nor `module`"),
        ("scripts = [{path = 'a.py', module = 'a'}]", "scripts[0]", "both `path` and `module`"),
        ("scripts = [{path = '../a.py'}]", "scripts[0].path", "below it"),
        ('scripts = [{path = "a\\u0000.py"}]', "scripts[0].path", "below it"),
        ("scripts = [{module = 'a b'}]", "scripts[0].module", "python -m"),
        ("scripts = [{path = 'a.py', args = '--x'}]", "scripts[0].args", "a list"),
        ("scripts = [{path = 'a.py', args = [1]}]", "scripts[0].args", "a list of texts"),
        ("scripts = [{path = 'a.py', name = ' '}]", "scripts[0].name", "a text"),
        ("scripts = [{path = 'a.py', mix = '4 threads x 2 threads'}]", "scripts[0].mix", '"2 processes x 4 threads"'),
        ("scripts = [{path = 'a.py', mix = '0 threads'}]", "scripts[0].mix", '"4 threads"'),
        ("scripts = [{path = 'a.py'}, {path = './a.py'}]", "scripts", "a `name` of its own"),
    ],
)
def test_a_value_that_cannot_be_followed_is_refused_with_what_is_expected(line: str, key: str, said: str):
    error = refusal(HEAD + line)
    assert error.key == f"tool.advise.check.{key}"
    assert str(error).startswith(f"{SOURCE}: ")
    assert said in str(error)
    assert error.exit_code == 2


@pytest.mark.parametrize("text", ["[tool.advise", f"a = 1{'0' * 5000}", f"a = {'[' * 3000}", "tool = 1\n[tool.advise]"])
def test_a_file_that_is_not_toml_is_refused(text: str):
    assert "not TOML" in str(refusal(text))


SHARES = st.one_of(
    st.integers(min_value=1, max_value=99).map(lambda each: f"{each}%"),
    st.floats(min_value=0.001, max_value=0.99, allow_nan=False),
)
POSITIVE = st.floats(min_value=0.01, max_value=1e6, allow_nan=False)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1).filter(
    lambda text: text.strip() and text not in {".", ".."} and not text.startswith("-")
)
LEVELS = st.sampled_from(["error", "warning"])
RULE = st.one_of(SHARES, st.booleans(), st.fixed_dictionaries({}, optional={"threshold": SHARES, "level": LEVELS}))
RULES = st.fixed_dictionaries({}, optional={"time": RULE, "memory": RULE, "gil": RULE, "scaling": RULE})
EITHER: dict[str, st.SearchStrategy[Any]] = {
    "threshold": SHARES, "budget": POSITIVE, "warn-only": st.booleans(), "timeout": POSITIVE, "rules": RULES,
}  # fmt: skip
LISTS = st.lists(NAMES, max_size=2)
SCRIPT = st.fixed_dictionaries(
    {"path": NAMES},
    optional={**EITHER, "args": LISTS, "stdin": NAMES, "mix": st.just("4 threads")},
)
SCRIPTS = st.lists(SCRIPT, max_size=3).map(lambda found: [each | {"name": f"s{at}"} for at, each in enumerate(found)])
CHECK = st.fixed_dictionaries(
    {}, optional={**EITHER, "against": NAMES, "share": LISTS, "shape": st.booleans(), "scripts": SCRIPTS}
)  # fmt: skip


def written(value: object) -> str:
    """`value` as TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return starter._quoted(value) if isinstance(value, str) else json.dumps(value)


def document(check: dict[str, Any]) -> str:
    return f"tool = {{advise = {{check = {written(check)}}}}}\n"


def as_share(value: str | float) -> float:
    return float(value.rstrip("%")) / 100 if isinstance(value, str) else value


@given(CHECK)
def test_whatever_is_validly_written_is_what_the_plan_holds(check: dict[str, Any]):
    plan = parse(document(check))
    assert plan.against == check.get("against")
    assert plan.share == tuple(check.get("share", ()))
    assert plan.defaults.shape == check.get("shape", True)
    assert len(plan.scripts) == len(check.get("scripts", ()))
    for script, given_ in zip(plan.scripts, check.get("scripts", ()), strict=True):
        assert (script.path, script.argv, script.stdin) == (
            given_["path"],
            tuple(given_.get("args", ())),
            given_.get("stdin"),
        )
        assert script.budget_s == given_.get("budget", check.get("budget", 60.0))
        assert script.timeout_s == given_.get("timeout", check.get("timeout"))
        assert script.warn_only == given_.get("warn-only", check.get("warn-only", False))
        if script.rules.time is not None:
            assert script.threshold == script.rules.time.threshold
        if "rules" not in check | given_:
            assert script.threshold == as_share(given_.get("threshold", check.get("threshold", 0.03)))


def tables_in(value: object) -> list[dict[str, Any]]:
    """Every table in `value` that has a key, itself included."""
    if isinstance(value, list):
        return [table for each in value for table in tables_in(each)]
    inner = [table for each in value.values() for table in tables_in(each)] if isinstance(value, dict) else []
    return [value, *inner] if isinstance(value, dict) and value else inner


@given(CHECK.filter(lambda check: bool(tables_in(check))), st.data())
def test_a_key_with_a_letter_more_is_refused_by_name(check: dict[str, Any], data: st.DataObject):
    table = data.draw(st.sampled_from(tables_in(check)))
    key = data.draw(st.sampled_from(sorted(table)))
    table[f"{key}q"] = table.pop(key)
    assert f"unknown key `{key}q`" in str(refusal(document(check)))


CONFIGURED = HEAD + (
    "budget = 7\nscripts = [{path = 'a.py', args = ['--one'], budget = 9}, {path = 'a.py', args = ['--two']}, "
    "{path = 'b.py', name = 'bee', threshold = '7%'}, {module = 'tools.index'}]"
)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ([], ["a.py --one", "a.py --two", "bee", "-m tools.index"]),
        (["./a.py"], ["a.py --one", "a.py --two"]),
        (["a.py --two"], ["a.py --two"]),
        (["bee", "b.py"], ["bee"]),
        (["tools.index"], ["-m tools.index"]),
        (["-m tools.index", "-m other"], ["-m tools.index", "-m other"]),
        (["c.py", "c.py"], ["c.py"]),
    ],
)
def test_scripts_of_the_command_line_replace_the_list(wanted: list[str], names: list[str]):
    plan = config.with_scripts(parse(CONFIGURED), wanted, Overrides())
    assert [each.name for each in plan.scripts] == names


def test_a_script_named_on_the_command_line_keeps_its_settings_and_a_new_one_has_those_of_the_check():
    plan = config.with_scripts(parse(CONFIGURED), ["b.py", "new.py"], Overrides())
    assert [(each.threshold, each.budget_s) for each in plan.scripts] == [(0.07, 7.0), (0.03, 7.0)]


def test_options_of_the_command_line_go_before_every_script_own():
    overrides = Overrides(against="v1", budget_s=3.0, threshold=0.2, warn_only=True, shape=False)
    plan = config.with_scripts(parse(CONFIGURED), (), overrides)
    assert (plan.against, plan.warn_only) == ("v1", True)
    for script in plan.scripts:
        assert (script.budget_s, script.threshold, script.warn_only, script.shape) == (3.0, 0.2, True, False)
        assert script.rules.time == Rule(threshold=0.2, level="error")


@pytest.mark.parametrize(
    "before", [None, "", "[project]\nname = 'x'", "[tool.ruff]\nselect = []\n# end\n", "[a]\r\nb = 1\r\n"]
)
def test_init_leaves_what_was_there_and_its_section_is_read_back(before: str | None):
    text = starter.init(before, ["jobs/re port.py", "-m tools.index", 'odd"\\\x7f.py'])
    assert text.startswith(before or "#")
    assert [each.name for each in parse(text).scripts] == ["jobs/re port.py", "-m tools.index", 'odd"\\\x7f.py']
    tool = tomllib.loads(text)["tool"]
    del tool["advise"]
    assert tool == tomllib.loads(before or "").get("tool", {})
    assert text.count("\r\n") == (text.count("\n") if before and "\r\n" in before else 0)


def test_what_init_shows_in_comments_are_the_defaults_and_known_keys():
    text = re.sub(r"(?m)^# (?=[a-z-]+ = |\[)", "", starter.init(None, ()))
    plan = parse(text)
    script = plan.scripts[0]
    assert (plan.against, script.timeout_s, script.mix) == (
        "origin/main",
        120.0,
        WorkerMix(backend="threads", threads_per_process=4),
    )
    assert (script.path, script.argv, script.name) == ("jobs/report.py", ("--small",), "small report")
    bare = parse(HEAD)
    assert plan.defaults.rules == bare.defaults.rules
    assert (plan.defaults.budget_s, plan.defaults.false_alarms, plan.defaults.shape) == (60.0, 0.01, True)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (HEAD, "already"),
        ("[tool.advise]\n", "already"),
        ("tool = {ruff = {}}", "no section can be added"),
        ("[oops", "no section can be added"),
    ],
)
def test_init_refuses_a_file_it_cannot_add_to(before: str, said: str):
    with pytest.raises(ConfigError, match=said):
        starter.init(before, ["a.py"])


@pytest.mark.parametrize("script", ["/abs.py", "../up.py", "", "nul\0.py", "-m not a module", "bad\udcff.py"])
def test_init_refuses_a_script_that_could_not_be_configured(script: str):
    with pytest.raises(ConfigError):
        starter.init(None, [script])
