"""What the index says of a page, carried by the page itself: a line of its head, so that no page need be read whole."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from advisor.model.advice import Interval
from advisor.report import words
from advisor.report.json import plain, utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.model.advice import Advice, Recommendation
    from advisor.model.check import CheckResult
    from advisor.model.history import Point
    from advisor.model.target import Target

NAME = "advise-card"
INDEX_NAME = "advise-index"
HEAD_CHARS = 65_536  # of a page: the line is one of its first
LONGEST_TEXT = 400  # of a card: a verdict of more is cut
DIGEST_LETTERS = 16
_LINE = re.compile(rf'<meta name="{NAME}" content="([^"<>]*)">')
_INDEX_LINE = f'<meta name="{INDEX_NAME}"'

Basis = Literal["measured", "predicted", "undecided", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One page in a line of the index.

    `program` tells what an advice is on (`program_of`). `gain` is the speed-up at the verdict's site, `script_gain`
    that of the script, `ratio` what a check found worst: seconds of head over base. `created` is UTC, ISO 8601.
    """

    kind: Literal["advice", "check", "history"]
    name: str
    verdict: str
    program: str = ""
    created: str = ""
    gain: Interval | None = None
    script_gain: Interval | None = None
    ratio: Interval | None = None
    basis: Basis = ""
    bound: str = ""
    python: str = ""


def of_advice(advice: Advice) -> Card:
    """The card of an advice."""
    best = advice.best_site
    advised = best.recommendation if best is not None else None
    return Card(
        kind="advice",
        name=" ".join((advice.target.shown, *advice.target.argv)),
        verdict=advice.verdict,
        program=program_of(advice.target),
        created=utc(advice.created),
        gain=advised.speedup if advised is not None and advised.decided else None,
        script_gain=advised.script_speedup if advised is not None and advised.decided else None,
        basis=_basis(advised),
        bound=f"{best.site.bound.bound}, {best.site.bound.detail}" if best is not None else "",
        python=advice.machine.python,
    )


def program_of(target: Target) -> str:
    """Tells scripts apart, and not where they lie: a digest of the folder of a script or module, and of its name."""
    name = os.path.basename(target.script) if target.script is not None else f"-m {target.module}"  # noqa: PTH119
    place = "\0".join((*target.roots[:1], name))
    return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:DIGEST_LETTERS]


def _basis(advised: Recommendation | None) -> Basis:
    if advised is None:
        return ""
    if not advised.decided:
        return "undecided"
    return "measured" if advised.measured else "predicted"


def of_check(result: CheckResult, verdict: str) -> Card:
    """The card of a check, whose verdict in words is `verdict`."""
    ratios = [script.ratio for script in result.scripts if script.ratio is not None]
    return Card(
        kind="check",
        name=f"{result.head.shown} against {result.base.shown}",
        verdict=verdict,
        created=utc(result.created),
        ratio=max(ratios, key=lambda ratio: ratio.value, default=None),
        basis="measured" if ratios else "",
        python=result.fingerprint.python,
    )


def of_history(points: Sequence[Point]) -> Card:
    """The card of a page of trends."""
    checks = words.plural(len({point.created for point in points}), "check")
    scripts = words.plural(len({point.script for point in points}), "script")
    newest = max((point.created for point in points), default="")
    return Card(kind="history", name="Trend of past checks", verdict=f"{checks} of {scripts}", created=newest)


def content(card: Card) -> str:
    """The card as the content of its line: JSON, ASCII only."""
    fields = {name: value[:LONGEST_TEXT] if isinstance(value, str) else value for name, value in asdict(card).items()}
    return json.dumps(plain(fields))


def found_in(page: str) -> Card | None:
    """The card in the beginning of a page; None where there is none, or none of ours."""
    line = _LINE.search(page[:HEAD_CHARS])
    if line is None:
        return None
    try:
        return msgspec.convert(json.loads(html.unescape(line[1])), Card)
    except (ValueError, RecursionError, msgspec.ValidationError):
        return None


def is_index(page: str) -> bool:
    """True where this is the beginning of an index of ours."""
    return _INDEX_LINE in page[:HEAD_CHARS]
