"""The machine-readable line in the docstring of each sample workload: what `advise` must answer.

    expect: function=fetch bound=io-wait detail=network backend=threads workers=16..64 measured=yes

`a|b` allows either. Workers are a range of how many tasks are under way at once; `2c` is twice the usable CPUs.
`safety=` and `findings=A,B` are optional: the status of the site, and codes that must be among its findings.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "sample_workloads"
MARK = "expect:"
REQUIRED = frozenset({"function", "bound", "detail", "backend", "workers", "measured"})
OPTIONAL = frozenset({"safety", "findings"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a sample's header promises. Sets hold the allowed answers; `safety` is empty where any will do."""

    function: str
    bound: frozenset[str]
    detail: frozenset[str]
    backend: frozenset[str]
    workers: tuple[str, str]
    measured: bool
    safety: frozenset[str] = frozenset()
    findings: frozenset[str] = frozenset()

    def allows_workers(self, workers: int, usable_cpus: float) -> bool:
        """Whether a mix of so many workers is in the range on a machine with so many usable CPUs."""
        low, high = (_bound_of(text, usable_cpus) for text in self.workers)
        return low <= workers <= high


def samples() -> list[Path]:
    """Every sample workload, by name."""
    return sorted(SAMPLES.glob("*.py"))


def read_header(sample: Path) -> Expectation:
    """Read the expectation of a sample. Raises ValueError where the header is missing or cannot be understood."""
    docstring = ast.get_docstring(ast.parse(sample.read_text(encoding="utf-8"))) or ""
    lines = [line for line in docstring.splitlines() if line.startswith(MARK)]
    if len(lines) != 1:
        raise ValueError(f"{sample.name}: one line starts with {MARK!r}, not {len(lines)}")
    return parse(lines[0].removeprefix(MARK))


def parse(text: str) -> Expectation:
    """Parse the words after the mark. Raises ValueError on a word that is missing, unknown or not `name=value`."""
    words = dict(_pair(word) for word in text.split())
    if missing := REQUIRED - words.keys():
        raise ValueError(f"missing: {', '.join(sorted(missing))}")
    if unknown := words.keys() - REQUIRED - OPTIONAL:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    low, _, high = words["workers"].partition("..")
    if _bound_of(low, 1) > _bound_of(high, 1):
        raise ValueError(f"an empty range of workers: {words['workers']}")
    return Expectation(
        function=words["function"],
        bound=_options(words["bound"]),
        detail=_options(words["detail"]),
        backend=_options(words["backend"]),
        workers=(low, high),
        measured={"yes": True, "no": False}[words["measured"]],
        safety=_options(words.get("safety", "")),
        findings=frozenset(words["findings"].split(",")) if "findings" in words else frozenset(),
    )


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not (equals and value):
        raise ValueError(f"not name=value: {word}")
    return name, value


def _options(text: str) -> frozenset[str]:
    return frozenset(text.split("|")) - {""}


def _bound_of(text: str, usable_cpus: float) -> int:
    """`16` is sixteen, `2c` twice the usable CPUs (whole ones, at least one)."""
    return int(text[:-1]) * max(1, int(usable_cpus)) if text.endswith("c") else int(text)
