"""Thread pools of the native libraries the script has loaded (BLAS, OpenMP), by threadpoolctl, in a forked copy."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .site import Site
    from .stage import Stage


def limit(threads: int, folder: str) -> None:
    """Let the native libraries of this process use so many threads of their own; as they like where that fails."""
    if folder and folder not in sys.path:
        sys.path.append(folder)
    with contextlib.suppress(Exception):  # no threadpoolctl for this interpreter, or a library it does not know
        import threadpoolctl

        _held.append(threadpoolctl.threadpool_limits(threads))


_held: list[object] = []  # a limit holds for as long as its object lives


def run_native(_site: Site | None, order: dict[str, Any], _stage: Stage) -> dict[str, Any]:
    """The pools, as dicts of library and threads; threadpoolctl may lie in the folder `order["library"]`."""
    if order["library"]:
        sys.path.append(order["library"])
    try:
        import threadpoolctl
    except Exception as error:  # neither here nor there
        return {"error": f"{type(error).__name__}: {error}", "pools": []}
    pools = [
        {"library": pool.get("internal_api") or pool["user_api"], "threads": pool["num_threads"]}
        for pool in threadpoolctl.threadpool_info()
    ]
    return {"error": None, "pools": pools}
