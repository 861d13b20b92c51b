"""The pages of the finding codes: what each means, how it is found, what to do."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = "codes.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One finding code explained, in plain sentences."""

    code: str
    title: str
    meaning: str
    found: str
    cure: str


@cache
def pages() -> Mapping[str, Page]:
    """Every page by its code, in the order of the codes."""
    text = resources.files(__package__).joinpath(SOURCE).read_text(encoding="utf-8")
    table = tomllib.loads(text)
    return MappingProxyType({code: Page(code=code, **table[code]) for code in sorted(table)})
