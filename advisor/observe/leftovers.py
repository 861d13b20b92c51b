"""Processes that a run left behind: known by a variable of its environment, whatever session they moved to."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

import psutil

VARIABLE = "ADVISE_RUN"
_GONE_S = 5.0
"""How long processes that were killed may take to go; the kernel needs milliseconds."""


def marked(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with a mark that no other run has."""
    return {**environment, VARIABLE: secrets.token_hex(8)}


def end_leftovers(environment: Mapping[str, str]) -> None:
    """Kill the processes that still run with the mark of `environment`; without one, none.

    One that has cleared its own environment is not found.
    """
    mark = environment.get(VARIABLE)
    ends_s = time.monotonic() + _GONE_S
    while mark and (left := list(_running(mark))) and time.monotonic() < ends_s:
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, max(0.0, ends_s - time.monotonic()))


def _running(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(VARIABLE) == mark:
                yield process
