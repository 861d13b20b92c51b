"""The hot function of each sample and the tasks it is called with, written out by hand.

All samples but the solver, whose calls need each other: there is nothing to choose for it.

The sweep must not depend on what `advise` records, or it could not catch it being wrong.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sample_header import SAMPLES

TINY_TASKS = 20_000
"""Calls of `tiny_tasks` that are swept: all ten million on a pool would take most of an hour."""

Task = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A hot function and its tasks, as tuples of arguments."""

    name: str
    function: Callable[..., Any]
    tasks: Sequence[Task]


def load(name: str) -> Workload:
    """Import sample `name` and make its workload. What it builds (files, servers) goes when this process ends."""
    module = _import_sample(name)
    function_name, tasks_of = _WORKLOADS[name]
    return Workload(name=name, function=getattr(module, function_name), tasks=tasks_of(module))


def names() -> tuple[str, ...]:
    """Samples that can be swept, in order."""
    return tuple(sorted(_WORKLOADS))


def _import_sample(name: str) -> ModuleType:
    """Import a sample under its own name, so that processes find its functions. An unguarded one runs, unheard."""
    spec = importlib.util.spec_from_file_location(name, SAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        spec.loader.exec_module(module)
    return module


def _pages(sample: ModuleType) -> list[Task]:
    site = sample.start_site()
    return [(f"{site}/page/{number}",) for number in range(60)]


def _parsed_pages(sample: ModuleType) -> list[Task]:
    site = sample.start_site()
    return [(f"{site}/page/{number}",) for number in range(70)]


def _orders(sample: ModuleType) -> list[Task]:
    folder = Path(tempfile.mkdtemp(prefix="orders-"))
    sample.atexit.register(sample.shutil.rmtree, folder)
    payments = sample.start_payments()
    return [({"number": number, "cents": 1999 + number}, payments, folder) for number in range(50)]


def _logs(sample: ModuleType) -> list[Task]:
    folder = Path(tempfile.mkdtemp(prefix="logs-"))
    sample.atexit.register(sample.shutil.rmtree, folder)
    sample.write_logs(folder)
    return [(path,) for path in sorted(folder.glob("*.log"))]


def _questions(sample: ModuleType) -> list[Task]:
    handle, path = tempfile.mkstemp(suffix=".sqlite")
    os.close(handle)
    sample.atexit.register(os.remove, path)
    sample.build(path)
    return [(path, shop, floor) for shop in range(20) for floor in range(0, 80, 10)]


def _folds(sample: ModuleType) -> list[Task]:
    inputs, targets = sample.data()
    return [(inputs, targets, fold) for fold in range(sample.FOLDS)]


_WORKLOADS: dict[str, tuple[str, Callable[[ModuleType], list[Task]]]] = {
    "compress_logs": ("compressed_size", _logs),
    "db_queries": ("revenue", _questions),
    "fetch_and_parse": ("links_of", _parsed_pages),
    "image_filter": ("sharpen", lambda sample: [(picture,) for picture in sample.pictures]),
    "monte_carlo": ("mean_payoff", lambda _: [(seed,) for seed in range(64)]),
    "orders": ("place", _orders),
    "pages_download": ("fetch", _pages),
    "prime_count": (
        "primes_between",
        lambda sample: [(low, low + sample.BLOCK) for low in range(0, sample.LIMIT, sample.BLOCK)],
    ),
    "process_pool_12": ("similar_readers", lambda _: [(reader,) for reader in range(360)]),
    "thread_pool_64": ("longest_chain", lambda _: [(start, start + 2000) for start in range(1, 256_001, 2000)]),
    "tiny_tasks": ("fahrenheit", lambda _: [(reading % 900 / 20,) for reading in range(TINY_TASKS)]),
    "train_model": ("fold_error", _folds),
}
