"""A check's sentences, one wording for every format; what a user wrote goes through the format's own `Marks`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.report import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.model.check import CheckResult, Instructions, Outcome, RuleResult, ScriptCheck, SelfTest

LEAST_P = 0.001  # below it a chance is shown as less than it
LONGEST = 600  # characters of a user's text: an exception's message has no end of its own
SHORT: dict[Outcome, str] = {
    "regression": "regression", "could-not-measure": "not measured", "not-comparable": "not comparable",
    "inconclusive": "inconclusive", "improvement": "improvement", "pass": "pass",
}  # fmt: skip
OPENINGS: dict[Outcome, str] = {
    "regression": "Regression in {}", "could-not-measure": "Could not measure {}",
    "not-comparable": "Not comparable: {}", "inconclusive": "Inconclusive for {}",
    "improvement": "Improvement in {}, no regression", "pass": "Pass: no change that counts in {}",
}  # fmt: skip
UNITS: dict[str, Callable[[float | None], str]] = {
    "s": words.seconds, "B": words.size, "share": words.percent, "x": words.ratio,
}  # fmt: skip
CURES: dict[Outcome, str] = {
    "could-not-measure": "make {name} run to its end on both revisions, then check again",
    "not-comparable": "check {name} with the Python, the packages and the machine that the other figures come from",
    "inconclusive": "give {name} more time (--budget SECONDS) or a quieter machine, or let it do more work a run",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How a format shows a user's text: `name` a script, function or revision, `prose` a sentence with such in it."""

    name: Callable[[str], str]
    prose: Callable[[str], str]


def plain(text: str) -> str:
    """`text` safe to print, and not without end."""
    return words.cut(words.printable(text), LONGEST)


PLAIN = Marks(name=plain, prose=plain)


def verdict(result: CheckResult, marks: Marks = PLAIN) -> str:
    """The answer in a sentence: what came out, of how many scripts, and why for the first of them."""
    counted = [script for script in result.scripts if not script.new]
    worst = [script for script in counted if script.outcome == result.outcome]
    text = OPENINGS[result.outcome].format(_of(worst, counted)) if counted else "Nothing to compare"
    first = foremost(result)
    if first is not None:
        text += f": {marks.name(first.name)}: {marks.prose(first.reason.rstrip('.'))}"
    warned = " This only warns." if result.outcome == "regression" and all(map(only_warns(result), worst)) else ""
    return f"{'Interrupted. ' if result.interrupted else ''}{text}.{warned}"


def foremost(result: CheckResult) -> ScriptCheck | None:
    """The script whose reason the verdict gives; None where all is well."""
    worst = (script for script in result.scripts if not script.new and script.outcome == result.outcome)
    return next(worst, None) if result.outcome != "pass" else None


def others(result: CheckResult) -> str:
    """How many scripts came out otherwise than the verdict says; "" where none did."""
    counted = [each.outcome for each in result.scripts if not each.new]
    new = len(result.scripts) - len(counted)
    tallies = [(counted.count(outcome), said) for outcome, said in SHORT.items() if outcome != result.outcome]
    shown = [f"{number} {said}" for number, said in (*tallies, (new, "new")) if number]
    return f"Other scripts: {', '.join(shown)}." if shown else ""


def only_warns(result: CheckResult) -> Callable[[ScriptCheck], bool]:
    """Whether a script of this result may fail the job: True where it only warns."""
    return lambda script: result.warn_only or script.warn_only


def outcome(script: ScriptCheck) -> str:
    """The outcome in a word or two."""
    return "new" if script.new else SHORT[script.outcome]


def compared(result: CheckResult, marks: Marks = PLAIN) -> str:
    """The two sides: what each is and why the base is what it is."""
    why = f", {marks.prose(result.base.why)}" if result.base.why else ""
    return f"Base: {marks.name(result.base.shown)}{why}. Head: {marks.name(result.head.shown)}."


def machine(result: CheckResult, marks: Marks = PLAIN) -> str:
    """Where and when it was measured, by what, and what it took."""
    on = result.fingerprint
    cpus = f"{on.cpus:g} CPU{'' if on.cpus == 1 else 's'}"
    return (
        f"Measured on {cpus} ({marks.prose(on.cpu)}), {words.size(on.memory_bytes)} of memory, "
        f"{marks.prose(on.system)}, {marks.prose(on.python)} {'with' if on.gil else 'without'} the GIL, by advisor "
        f"{result.advisor_version} at {result.created}, in {words.seconds(result.total_s)}."
    )


def basis(script: ScriptCheck) -> str:
    """What the ratio rests on: which runs, how many, the limit, the chance, the time used. "" without a ratio."""
    if script.ratio is None:
        return ""
    compares = "what runs take that the machine leaves alone" if script.undisturbed else "what typical runs take"
    return (
        f"Head over base: {words.gain(script.ratio)}, 95% interval, of {compares}; "
        f"{words.plural(len(script.pairs), 'pair')}; limit {words.percent(script.threshold)}; "
        f"p {chance(script.p_value)}; {words.seconds(script.spent_s)} of {words.seconds(script.budget_s)} used."
    )


def self_test(tested: SelfTest, threshold: float) -> str:
    """What this machine makes of equal arms, and how often a rule is wrong about them."""
    equal = tested.ratio
    text = (
        f"This machine: equal arms came out {equal.value:.3f}x ({equal.low:.3f}-{equal.high:.3f}, "
        f"{words.plural(tested.pairs, 'pair')})"
    )
    if not tested.splits:
        return f"{text}."
    return (
        f"{text}; the rule calls {words.percent(tested.false_alarm_rate)} of equal arms different, a bare "
        f"{words.percent(threshold)} limit {words.percent(tested.bare_alarm_rate)} "
        f"({words.plural(tested.splits, 'stretch', 'stretches')} of one arm's runs, dealt to two in turn)."
    )


def instructions(counted: Instructions) -> str:
    """The second witness."""
    ratio = words.ratio(counted.head / counted.base) if counted.base else words.UNKNOWN
    return (
        f"Instructions in user mode (perf stat, median of {words.plural(counted.runs, 'run')} an arm): base "
        f"{words.count(counted.base)}, head {words.count(counted.head)}, {ratio}."
    )


def rule(found: RuleResult, marks: Marks = PLAIN) -> str:
    """What a rule says, with its figures, limit and samples."""
    sides = [f"{arm} {figure(value, found.unit)}" for arm, value in (("base", found.base), ("head", found.head))]
    known = sides if found.base is not None or found.head is not None else []
    counted = f"{words.plural(found.samples, 'sample')} an arm"
    parts = ", ".join((*known, f"limit {marks.prose(found.threshold)}", counted))
    return f"{marks.prose(found.message)} ({parts})"


def rule_outcome(found: RuleResult) -> str:
    """`error` or `warning` for a rule that is broken, else what it came to."""
    return found.level if found.outcome == "worse" else found.outcome


def figure(value: float | None, unit: str) -> str:
    """A rule's figure in its unit: seconds, bytes and shares as everywhere, others with the unit behind them."""
    shown = UNITS.get(unit)
    if value is None or not words.known(value):
        return words.UNKNOWN
    if shown is not None:
        return shown(value)
    number = words.count(value) if value >= words.LARGE or value == int(value) else f"{value:.3g}"
    return f"{number} {plain(unit)}".rstrip()


def signed(delta_s: float) -> str:
    """Seconds more or fewer, with their sign."""
    return f"{'-' if delta_s < 0 else '+'}{words.seconds(abs(delta_s))}"


def chance(p_value: float | None) -> str:
    """A p-value at two digits."""
    if p_value is None or not words.known(p_value):
        return words.UNKNOWN
    return f"<{LEAST_P}" if p_value < LEAST_P else f"{p_value:.2g}"


def next_steps(result: CheckResult, marks: Marks = PLAIN) -> tuple[str, ...]:
    """What to do about what came out, worst first; nothing where all is well."""
    regressed = [each for each in result.scripts if each.outcome == "regression"]
    steps = [_look(script, marks) for script in regressed[:1]]
    for outcome_, cure in CURES.items():
        those = [each for each in result.scripts if each.outcome == outcome_ and not each.new]
        steps += [cure.format(name=_names(those, marks))] if those else []
    return tuple(steps)


def _look(script: ScriptCheck, marks: Marks) -> str:
    site = script.guilty_site
    broken = next((each.code for each in script.rules if each.guilty), None)
    where = f"{marks.name(site.function)} ({marks.name(f'{site.file}:{site.line}')}) grew most" if site else ""
    page = f"{marks.name(f'advise explain {broken}')} says how it is measured" if broken else ""
    wanted = "where the change is wanted, raise this script's threshold in [tool.advise.check]"
    return "look at the change: " + "; ".join(part for part in (where, page, wanted) if part)


def _names(scripts: Sequence[ScriptCheck], marks: Marks) -> str:
    others = f" and {words.plural(len(scripts) - 1, 'other')}" if len(scripts) > 1 else ""
    return marks.name(scripts[0].name) + others


def _of(some: Sequence[ScriptCheck], every: Sequence[ScriptCheck]) -> str:
    """`1 of 3 scripts`, or `3 scripts` for all of them."""
    scripts = words.plural(len(every), "script")
    return scripts if len(some) == len(every) else f"{len(some)} of {scripts}"
