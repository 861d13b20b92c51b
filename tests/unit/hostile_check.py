"""A check whose every text is one that tries to be something else: markup, a mention, a command, an escape."""

from __future__ import annotations

from dataclasses import replace

import builders
import checked

from advisor.model.check import CheckResult, Revision, RuleResult, ScriptCheck, SiteChange, StackChange

MARKUP = (
    "a|b](https://evil.test) @ada #12 GH-3 www.evil.test `x` ``y`` $z$ :tada: **b** _i_ <details><!-- \\| "
    "~~s~~ ada@evil.test\r\n\r\n# h\n- [ ] t\n::error::x %0A::warning::y ##[error]z"
)
HOSTILE = MARKUP + builders.HOSTILE


def result(text: str = HOSTILE) -> CheckResult:
    """A regression and every other outcome, with `text` wherever a user's text may stand."""
    scripts = tuple(_script(each, text, at) for at, each in enumerate(checked.RESULT.scripts))
    side = Revision(name=text, commit=text, why=text)
    fingerprint = replace(checked.FINGERPRINT, cpu=text, system=text, python=text, packages=((text, text),))
    return replace(
        checked.RESULT, base=side, head=side, fingerprint=fingerprint, scripts=scripts, notes=(text,)
    )  # fmt: skip


def _script(script: ScriptCheck, text: str, at: int) -> ScriptCheck:
    site = SiteChange(file=text, line=1, function=text, base_s=0.1, head_s=0.2, state="python")
    stack = StackChange(frames=(text,), base_s=0.1, head_s=0.2)
    rules = tuple(_rule(each, text) for each in script.rules)
    return replace(
        script, name=f"{text}{at}", file=text, reason=text, rules=rules, sites=(site,), stacks=(stack,), notes=(text,)
    )


def _rule(rule: RuleResult, text: str) -> RuleResult:
    return replace(rule, message=text, threshold=text, unit=text)
