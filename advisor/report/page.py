"""What every HTML page of ours shares: escaping, what is put into it, and the policy that lets nothing else run."""

from __future__ import annotations

import base64
import gzip
import hashlib
from functools import cache, partial
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from advisor.report import words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILTERS: tuple[Callable[..., str], ...] = (
    words.seconds, words.percent, words.interval, words.gain, words.ratio, words.spread, words.size, words.rate,
    words.place, words.limit, words.plural, words.signed_seconds, words.signed_percent, words.near_one,
    words.evidence,
)  # fmt: skip
PLAIN_BYTES = 300_000
"""A larger JSON text stands in a page packed."""
LONGEST_TEXT = 10_000  # characters of one name or sentence


def render(template: str, values: Mapping[str, Any], *, longest: int = LONGEST_TEXT) -> str:
    """The page that `template` makes of `values`, to be written as UTF-8; of a text at most `longest` characters."""
    return _environment(longest).get_template(template).render(values)


def code_marks(text: str, longest: int = LONGEST_TEXT) -> Markup:
    """`text` escaped, what stands between backticks as code."""
    shown = _shown(text, longest)
    parts = [escape(part) for part in shown.split("`")]
    marked = (Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts))
    return Markup("").join(marked) if len(parts) % 2 else escape(shown)


def whole(text: str) -> Markup:
    """Code to be copied: escaped, line by line, and never cut."""
    return Markup("\n").join(escape(words.printable(line)) for line in text.rstrip("\n").split("\n"))


@cache
def asset(name: str) -> Markup:
    """A style sheet or script of ours, by its name in the template folder: not escaped."""
    return _shipped("templates", name)


@cache
def library(name: str) -> Markup:
    """A script of a library, by its name in `static/` ("d3/d3.min.js"): not escaped."""
    return _shipped("static", name)


def policy(scripts: tuple[Markup, ...]) -> Markup:
    """The content security policy of a page: it fetches nothing, and no script but these runs."""
    sources = " ".join(f"'{_hash(script)}'" for script in scripts) or "'none'"
    text = f"default-src 'none'; style-src 'unsafe-inline'; script-src {sources}"
    return Markup(text)  # noqa: S704  # hashes of ours: never cut as a user's text may be


def packed(text: str) -> Mapping[str, str]:
    """A large JSON text as a page holds it: gzip without a time stamp, as base64, under the key `gzip`."""
    return {"gzip": base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()}


def _shown(text: str, longest: int = LONGEST_TEXT) -> str:
    """`text` safe to print, and no longer than anyone reads: a name of a megabyte would stand in a page many times."""
    return words.printable(text[:longest]) + ("..." if len(text) > longest else "")


def _shipped(folder: str, name: str) -> Markup:
    text = resources.files(__package__).joinpath(folder, name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704  # no text of a user in it


def _hash(script: Markup) -> str:
    """A script as the policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


@cache
def _environment(longest: int = LONGEST_TEXT) -> Environment:
    """Jinja with autoescape on, unknown names refused, and no character left that could reorder or break a line."""
    environment = Environment(
        loader=PackageLoader("advisor.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: _shown(value, longest) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    environment.filters |= {filter_.__name__: filter_ for filter_ in FILTERS}
    environment.filters["code_marks"] = partial(code_marks, longest=longest)
    environment.filters["whole"] = whole
    environment.filters["amount"] = words.count  # jinja has a filter `count` of its own
    return environment
