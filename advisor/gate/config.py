"""`[tool.advise.check]` of `pyproject.toml`: from its text to a plan, and the command line's say on top of it. Pure."""

from __future__ import annotations

import posixpath
import shlex
import tomllib
from collections import Counter
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from advisor.errors import ConfigError
from advisor.gate import tables
from advisor.gate.tables import Table
from advisor.model.check import Level, RuleName
from advisor.model.checkplan import DEFAULT_RULES, CheckedScript, CheckPlan, Overrides, Rule, Rules, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

PATH = "tool.advise.check"
BOTH_KEYS = ("threshold", "budget", "warn-only", "timeout", "rules")  # of a script they go before those of the check
CHECK_KEYS = ("against", "false-alarms", "share", "shape", *BOTH_KEYS, "scripts")
SCRIPT_KEYS = ("path", "module", "args", "name", "stdin", "mix", *BOTH_KEYS)
RULE_KEYS = ("threshold", "level")
RULE_NAMES: tuple[RuleName, ...] = get_args(RuleName)
PARTS: tuple[RuleName, ...] = ("bound", "gil", "scaling")  # of a whole: they cannot move by more than all of it
S = TypeVar("S", bound=Settings)


def parse(text: str, source: str) -> CheckPlan:
    """The plan in the text of a TOML file named `source`; all defaults where it has no [tool.advise.check].

    Raises ConfigError for what is not TOML, and for an unknown key, a wrong type or a value out of range anywhere
    inside [tool.advise].
    """
    check = Table(_section(text, source), source=source, path=PATH, known=CHECK_KEYS)
    defaults = _settings(check, Settings())
    defaults = replace(
        defaults,
        false_alarms=check.get("false-alarms", tables.rarity, defaults.false_alarms),
        shape=check.get("shape", tables.flag, defaults.shape),
    )
    entries = check.get("scripts", _entries, ())
    scripts = tuple(_script(entry, source, number, defaults) for number, entry in enumerate(entries, start=1))
    _refuse_twins(scripts, source)
    return CheckPlan(
        source=source, against=check.get("against", tables.revision, None), scripts=scripts, defaults=defaults,
        share=check.get("share", tables.list_of(tables.inside, 'a list of paths such as ["data/"]'), ()),
    )  # fmt: skip


def with_scripts(plan: CheckPlan, scripts: Sequence[str], overrides: Overrides) -> CheckPlan:
    """The plan with what the command line says.

    `scripts`, where there are any, replace those configured; one that is the name, path or module of a configured one
    stands for that (or those), with its settings. `-m MODULE` in one text stands for a module.
    """
    chosen = plan.scripts
    if scripts:
        found = [each for script in scripts for each in _named(plan, script)]
        chosen = tuple({each.name: each for each in found}.values())
    return replace(
        plan, against=overrides.against if overrides.against is not None else plan.against,
        scripts=tuple(_overridden(each, overrides) for each in chosen), defaults=_overridden(plan.defaults, overrides),
    )  # fmt: skip


def _section(text: str, source: str) -> object:
    """What stands at [tool.advise.check], {} where nothing does; [tool.advise] itself has no other key."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number too long for int(), tables too deep
        raise ConfigError("this is not TOML", source=source, why=str(error), cure="mend it there") from error
    tool = document.get("tool", {})
    advise = tool.get("advise", {}) if isinstance(tool, dict) else {}
    return Table(advise, source=source, path="tool.advise", known=("check",)).values.get("check", {})


def _settings(table: Table, given: Settings) -> Settings:
    """`given` with what `table` sets of a script's settings.

    A threshold of the table goes before a rule `time` from further out, a rule `time` of the table before both.
    """
    threshold = table.get("threshold", tables.share, None)
    rules = given.rules if threshold is None else _timed(given.rules, threshold)
    rules = _rules(table, rules, threshold or given.threshold)
    return replace(
        given, rules=rules, threshold=rules.time.threshold if rules.time is not None else threshold or given.threshold,
        budget_s=table.get("budget", tables.seconds, given.budget_s),
        warn_only=table.get("warn-only", tables.flag, given.warn_only),
        timeout_s=table.get("timeout", tables.seconds, given.timeout_s),
    )  # fmt: skip


def _rules(table: Table, given: Rules, threshold: float) -> Rules:
    if "rules" not in table:
        return given
    path = f"{table.path}.rules"
    place = "" if table.path == PATH else f"`rules` of {table.place}"
    inner = Table(table.values["rules"], source=table.source, path=path, known=RULE_NAMES, place=place)
    defaults = DEFAULT_RULES | {"time": replace(DEFAULT_RULES["time"], threshold=threshold)}
    return replace(given, **{name: _rule(inner, name, given.of(name), defaults[name]) for name in RULE_NAMES})


def _rule(table: Table, name: RuleName, given: Rule | None, default: Rule) -> Rule | None:
    """The rule `name`: off, on at its default, at a threshold, or a table of threshold and level."""
    if name not in table:
        return given
    value = table.values[name]
    usual = given or default
    if isinstance(value, bool):
        return usual if value else None
    if not isinstance(value, dict):
        return replace(usual, threshold=table.get(name, _threshold_of(name), usual.threshold))
    place = "" if table.path == f"{PATH}.rules" else f"`{name}` of {table.place}"
    inner = Table(value, source=table.source, path=f"{table.path}.{name}", known=RULE_KEYS, place=place)
    return Rule(
        threshold=inner.get("threshold", _threshold_of(name), usual.threshold),
        level=inner.get("level", _level, usual.level),
    )


def _threshold_of(name: RuleName) -> Callable[[object], float]:
    read = tables.times if name == "pool" else tables.part if name in PARTS else tables.share
    return partial(_or_false, read)


def _or_false(read: Callable[[object], float], value: object) -> float:
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{error}; or false to turn the rule off") from error


def _level(value: object) -> Level:
    if value not in get_args(Level):
        raise ValueError('"error" or "warning"')
    return "error" if value == "error" else "warning"


def _entries(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise ValueError(f"each script a table of its own: [[{PATH}.scripts]]")  # noqa: TRY004  # as in tables
    return tuple(value)


def _script(values: object, source: str, number: int, defaults: Settings) -> CheckedScript:
    place = f"[[{PATH}.scripts]] number {number}"
    table = Table(values, source=source, path=f"{PATH}.scripts[{number - 1}]", known=SCRIPT_KEYS, place=place)
    path, module = table.get("path", tables.inside, None), table.get("module", tables.module, None)
    if (path is None) == (module is None):
        both = "both `path` and `module`" if path is not None else "neither `path` nor `module`"
        raise table.error(f"{place} has {both}", cure='give one of them, such as path = "jobs/report.py"')
    argv = table.get("args", tables.list_of(tables.argument, 'a list of texts such as ["--small"]'), ())
    shown = path if path is not None else f"-m {module}"
    return _with_settings(
        _settings(table, defaults), path=path, module=module, argv=argv,
        name=table.get("name", tables.text, " ".join((shown, *map(shlex.quote, argv)))),
        stdin=table.get("stdin", tables.inside, None), mix=table.get("mix", tables.mix, None),
    )  # fmt: skip


def _with_settings(settings: Settings, **own: Any) -> CheckedScript:  # noqa: ANN401  # the fields of CheckedScript
    return CheckedScript(**own, **{each.name: getattr(settings, each.name) for each in fields(Settings)})


def _refuse_twins(scripts: Sequence[CheckedScript], source: str) -> None:
    """Raise ConfigError where two scripts have one name: their results could not be told apart."""
    name, count = Counter(script.name for script in scripts).most_common(1)[0] if scripts else ("", 0)
    if count > 1:
        what = f"{count} entries of [[{PATH}.scripts]] have the name {tables.shown(name)}"
        raise ConfigError(what, source=source, key=f"{PATH}.scripts", cure="give each a `name` of its own")


def _named(plan: CheckPlan, script: str) -> Iterable[CheckedScript]:
    """The configured scripts that `script` stands for, else a new one with the default settings."""
    path = posixpath.normpath(script)
    by_name = [each for each in plan.scripts if each.name == script]
    found = by_name or [each for each in plan.scripts if path == each.path or script in (each.module, each.shown)]
    return found or [new_script(script, plan.defaults)]


def new_script(script: str, settings: Settings) -> CheckedScript:
    """A script that only the command line names: a path, or `-m MODULE`."""
    if script.startswith("-m "):
        module = script.removeprefix("-m ").strip()
        return _with_settings(settings, name=f"-m {module}", module=module)
    path = posixpath.normpath(script)
    return _with_settings(settings, name=path, path=path)


def _overridden(settings: S, overrides: Overrides) -> S:
    given = {
        name: value
        for name in ("budget_s", "threshold", "warn_only", "shape")
        if (value := getattr(overrides, name)) is not None
    }
    rules = settings.rules if overrides.threshold is None else _timed(settings.rules, overrides.threshold)
    return replace(settings, rules=rules, **given)


def _timed(rules: Rules, threshold: float) -> Rules:
    """The rules with another threshold of `time`, where that is on."""
    return rules if rules.time is None else replace(rules, time=replace(rules.time, threshold=threshold))
