"""Measure whether a script should run on more threads, more processes, both or neither, and how many."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from advisor.model.advice import Advice, Finding, Interval, Recommendation, SiteAdvice
    from advisor.model.trial import Trial, WorkerMix
    from advisor.pipeline import AdviseOptions, Progress, advise

__all__ = [
    "Advice",
    "AdviseOptions",
    "Finding",
    "Interval",
    "Progress",
    "Recommendation",
    "SiteAdvice",
    "Trial",
    "WorkerMix",
    "advise",
]

_HOMES = ("advisor.model.advice", "advisor.model.trial", "advisor.pipeline")


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    """Load a public name on first use: SciPy behind the pipeline takes longer to import than `advise --help` should."""
    if name in __all__:
        for home in map(import_module, _HOMES):
            if hasattr(home, name):
                return getattr(home, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
