"""Looking at the script's objects neither changes them, nor waits for their locks, nor raises."""

from __future__ import annotations

import bz2
import collections
import gzip
import queue
import threading
import time
import warnings
from pathlib import Path

import pytest

from advisor.agent.digest import digest
from advisor.agent.effects import Effects
from advisor.agent.offspring import Offspring
from advisor.agent.openfiles import OpenFiles
from advisor.agent.recorder import Recorder
from advisor.agent.snapshot import Snapshot
from advisor.agent.sql import reads_only
from advisor.agent.workers import Workers


def snapshot(value: object) -> Snapshot:
    return Snapshot(value, time.thread_time() + 5)


@pytest.mark.timeout(20)
def test_a_queue_whose_lock_this_thread_holds_can_be_looked_at() -> None:
    tasks: queue.Queue[int] = queue.Queue()
    with tasks.mutex:
        before = snapshot(tasks)
        tasks.queue.append(1)
        assert [change.kind for change in before.changes(tasks, "tasks")] == ["grown"]


def test_a_dict_that_moves_what_is_read_keeps_its_order() -> None:
    class Recent(collections.OrderedDict[str, int]):
        def __getitem__(self, key: str) -> int:
            self.move_to_end(key)
            return super().__getitem__(key)

    recent = Recent(a=1, b=2, c=3)
    snapshot(recent)
    assert list(recent) == ["a", "b", "c"]


def test_no_attribute_of_a_stand_in_is_asked_for() -> None:
    class Proxy:
        def __init__(self) -> None:
            self.asked: list[str] = []

        def __getattr__(self, name: str) -> object:
            if not name.startswith("__"):
                self.asked.append(name)
            raise AttributeError(name)

    proxy = Proxy()
    digest([proxy])
    assert proxy.asked == []


def test_compressed_files_are_looked_at_whatever_they_know_of_themselves(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "in.gz", "wb") as made:
        made.write(b"a line\n" * 9)
    with bz2.open(tmp_path / "out.bz2", "wb") as out, gzip.open(tmp_path / "in.gz") as read:
        files = OpenFiles()
        before = files.positions()
        out.write(b"x")
        read.readline()
        after = files.positions()
    moved = [after[key][0] for key, place in before.items() if after.get(key) != place]
    assert [Path(name).name for name in moved] in (["out.bz2"], ["a compressed file"])


def test_what_looks_at_its_callers_frame_is_left_alone() -> None:
    recorder = Recorder(Effects(), 1.0)
    assert recorder.leaves_alone(warnings.warn)
    assert not recorder.leaves_alone(time.sleep)
    query = type("DataFrame", (), {"query": lambda _frame: None}).query  # type: ignore[attr-defined]
    query.__module__, query.__name__ = "pandas.core.frame", "query"
    assert recorder.leaves_alone(query)
    query.__name__ = "merge"
    assert not recorder.leaves_alone(query)


@pytest.mark.parametrize(
    ("statement", "reads"),
    [
        ("with a as (select '--x') insert into t select * from a", False),
        ("with a as (select 'it''s /* x') delete from t", False),
        ('with a as (select 1 as "--x") update t set x = 1', False),
        ("with a as (select [--x] from u) replace into t select * from a", False),
        ("with a as (select 'insert') select * from a", True),
        ('with "update" as (select 1) select * from "update" -- delete', True),
        ("-- it's\nselect 1", True),
        ("/* it's */ delete from t", False),
        ("select 1 -- it's", True),
        ("pragma table_info('t')", True),
        ("pragma user_version = 3", False),
    ],
)
def test_what_a_statement_does_is_not_told_by_its_texts_names_and_comments(statement: str, reads: bool) -> None:
    assert reads_only(statement) is reads


@pytest.mark.parametrize(
    ("statement", "reads"),
    [
        ("insert into t values (x'" + "00" * 9000 + "')", False),
        ("select '" + "a" * 9000 + "'", True),
        ("/* " + "a" * 9000 + " */ delete from t", False),
        ("with a as (select '" + "a" * 9000 + "') delete from t", False),
    ],
)
def test_long_statements_are_told_apart_like_short_ones(statement: str, reads: bool) -> None:
    assert reads_only(statement) is reads


def test_a_run_of_a_thread_class_keeps_its_parameters() -> None:
    class Worker(threading.Thread):
        def run(self, once: bool = True) -> bool:  # type: ignore[override]
            return once

    workers = Workers(Recorder(Effects(), 1.0), lambda _path: True, Offspring(Recorder(Effects(), 1.0)))
    workers.watch_run(Worker)
    assert Worker().run(once=False) is False
    assert Worker().run() is True
