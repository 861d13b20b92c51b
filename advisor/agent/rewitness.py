"""What calls change that ran in other processes in run 2: a few of them, run again in a forked copy and watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .recorder import Allowance
from .site import WITNESS_CALLS
from .witness import Marks, Witness

if TYPE_CHECKING:
    from .site import Site
    from .stage import Stage

_LOOKING_S = 0.6  # for all looks together


def run_witness(site: Site, order: dict[str, Any], stage: Stage) -> dict[str, Any]:  # noqa: ARG001  # as all orders are
    """Names of what the calls changed, added to, set by key and read, as a recorded site has them."""
    lock = stage.lock(forks=False)
    if lock is not None:
        lock.close_files()
    marks, looking = Marks(), Allowance(_LOOKING_S)
    try:
        for task in site.sample.tasks[:WITNESS_CALLS]:
            function, args, kwargs = task.load()
            effects = stage.effects
            witness = Witness(function, args, kwargs, effects=effects, is_own=stage.is_own, looking=looking)
            marks.begin(witness)
            function(*args, **kwargs)
            marks.judge(witness, more=True)
    except BaseException as error:  # a call that cannot be run again says so in its trials
        return {"error": f"{type(error).__name__}: {error}"}
    marks.settle()
    return {
        "error": None,
        "mutated": sorted(marks.mutated),
        "grown": sorted(marks.grown),
        "by_key": sorted(marks.by_key),
        "reads": sorted(marks.reads),
    }
