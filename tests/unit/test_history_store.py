"""The history keeps whole results and gives them back, whoever writes at once and whoever is killed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import checked
import pytest

from advisor.errors import HistoryError
from advisor.history import schema
from advisor.history.store import History, digest, figures
from advisor.model.history import Point

WRITERS, WRITES = 8, 25
HERE = Path(__file__).parent
WRITE_MANY = """
import sys
from dataclasses import replace
from pathlib import Path
import checked
from advisor.history.store import History
history, who = History(Path(sys.argv[1])), sys.argv[2]
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    head = replace(checked.RESULT.head, name=f"{who}/{number}")
    history.add(replace(checked.RESULT, head=head))
    print(number, flush=True)
"""
STOP_HALF_WAY = """
import sys
from pathlib import Path
import checked
from advisor.history import store
insert, seen = store._add_script, []
def insert_some(*args):
    insert(*args)
    seen.append(args)
    if len(seen) == 3:
        print("half way", flush=True)
        sys.stdin.readline()
store._add_script = insert_some
store.History(Path(sys.argv[1])).add(checked.RESULT)
"""


def start(program: str, *args: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])}
    command = [sys.executable, "-W", "error", "-c", program, *args]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / ".advise" / "history.sqlite3")


def of(points: tuple[Point, ...], script: str) -> list[Point]:
    return [point for point in points if point.script == script]


def test_a_result_comes_back_script_by_script(history: History):
    history.add(checked.RESULT)
    points = history.trend()
    assert sorted(point.script for point in points) == sorted(script.name for script in checked.RESULT.scripts)
    (slower,) = of(points, checked.SLOWER.name)
    assert (slower.outcome, slower.ratio, slower.file) == ("regression", checked.SLOWER.ratio, "jobs/import data.py")
    assert (slower.created, slower.fingerprint) == ("2026-11-26T10:00:00Z", checked.FINGERPRINT)
    assert (slower.head.name, slower.head.commit, slower.head.dirty) == ("HEAD", checked.RESULT.head.commit, True)
    assert slower.base_figures is not None
    assert slower.head_figures is not None
    assert slower.head_figures.median_s == pytest.approx(0.55)
    assert (slower.base_figures.runs, slower.base_figures.peak_rss_bytes) == (12, 30 << 20)
    (broken,) = of(points, checked.BROKEN.name)
    assert (broken.outcome, broken.ratio, broken.head_figures) == ("could-not-measure", None, None)


def test_an_arm_in_short_is_its_median_and_the_median_distance_from_it():
    found = figures([checked.run(wall_s) for wall_s in (1.0, 1.1, 1.3, 9.0, 1.2)])
    assert found is not None
    assert (found.median_s, found.mad_s, found.runs) == (1.2, pytest.approx(0.1), 5)


def test_a_trend_is_of_the_newest_checks_oldest_first(history: History):
    for hour in (3, 1, 4, 2):
        history.add(replace(checked.CLEAN, created=f"2026-11-26T0{hour}:00:00Z"))
    points = of(history.trend(limit=3), checked.PASS.name)
    assert [point.created[12] for point in points] == ["2", "3", "4"]


def test_times_of_other_zones_are_ordered_as_time_is(history: History):
    history.add(replace(checked.CLEAN, created="2026-11-26T10:30:00+02:00"))
    history.add(replace(checked.CLEAN, created="2026-11-26T08:00:00"))
    assert [point.created for point in of(history.trend(), checked.PASS.name)] == [
        "2026-11-26T08:00:00Z", "2026-11-26T08:30:00Z",
    ]  # fmt: skip


@pytest.mark.parametrize("asked", ["jobs/import data.py --all", "jobs/import data.py"])
def test_a_script_is_found_by_its_name_and_by_its_file(history: History, asked: str):
    history.add(checked.RESULT)
    assert [point.script for point in history.trend(asked)] == [checked.SLOWER.name]
    assert history.trend("other.py") == ()


def test_two_machines_are_kept_apart_and_each_has_its_newest(history: History):
    other = replace(checked.FINGERPRINT, cpu="Other CPU")
    for hour in (1, 2, 3):
        history.add(replace(checked.CLEAN, created=f"2026-11-26T0{hour}:00:00Z"))
    history.add(replace(checked.CLEAN, fingerprint=other, created="2026-11-26T09:00:00Z"))
    points = of(history.trend(limit=2), checked.PASS.name)
    assert sorted((point.fingerprint.cpu, point.created[12]) for point in points) == [
        ("Example CPU 3000", "2"), ("Example CPU 3000", "3"), ("Other CPU", "9"),
    ]  # fmt: skip
    assert len({point.digest for point in points}) == 2
    assert digest(checked.FINGERPRINT) != digest(other)


def test_names_that_are_no_text_and_names_that_are_sql_are_kept(history: History):
    names = ["caf\udce9.py", "x'); DROP TABLE result; --"]
    scripts = tuple(replace(checked.PASS, name=name) for name in names)
    history.add(replace(checked.CLEAN, scripts=scripts))
    assert {point.script for point in history.trend()} == {r"caf\udce9.py", names[1]}
    assert len(history.trend(names[0])) == 1


def test_concurrent_writers_of_a_new_file_lose_nothing(history: History):
    writers = [start(WRITE_MANY, str(history.path), str(who), str(WRITES)) for who in range(WRITERS)]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=90)
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    points = of(history.trend(limit=1000), checked.PASS.name)
    assert {point.head.name for point in points} == {f"{who}/{at}" for who in range(WRITERS) for at in range(WRITES)}
    assert len(points) == WRITERS * WRITES


def test_a_writer_killed_in_the_middle_of_a_result_leaves_none_of_it(history: History):
    history.add(checked.CLEAN)
    with start(STOP_HALF_WAY, str(history.path)) as writer:
        assert writer.stdout.readline() == "half way\n"
        writer.kill()
    assert len(history.trend()) == len(checked.CLEAN.scripts)
    history.add(checked.RESULT)
    assert len(history.trend()) == len(checked.CLEAN.scripts) + len(checked.RESULT.scripts)


@pytest.mark.parametrize("done", [1, 7])
def test_a_killed_writer_leaves_whole_results_and_all_it_told_of(history: History, done: int):
    with start(WRITE_MANY, str(history.path), "w", "100000") as writer:
        writer.stdin.write("go\n")
        writer.stdin.flush()
        for _ in range(done):
            writer.stdout.readline()
        writer.kill()
    points = history.trend(limit=100000)
    results = {point.head.name for point in points}
    assert {f"w/{number}" for number in range(done)} <= results
    assert len(points) == len(results) * len(checked.RESULT.scripts)


def test_no_file_of_another_program_is_touched(history: History):
    history.path.parent.mkdir()
    with closing(sqlite3.connect(history.path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = history.path.read_bytes()
    with pytest.raises(HistoryError, match="another program"):
        history.add(checked.CLEAN)
    with pytest.raises(HistoryError, match="another program"):
        history.trend()
    assert history.path.read_bytes() == before


def test_a_file_of_a_newer_release_is_refused_and_left_as_it_is(history: History):
    history.add(checked.CLEAN)
    with closing(sqlite3.connect(history.path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    before = history.path.read_bytes()
    for use in (lambda: history.add(checked.CLEAN), history.trend):
        with pytest.raises(HistoryError, match="this release knows those up to"):
            use()
    assert history.path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database, but a text that is long enough" * 20, b"{}"])
def test_what_is_no_database_is_refused_and_left_as_it_is(history: History, content: bytes):
    history.path.parent.mkdir()
    history.path.write_bytes(content)
    for use in (lambda: history.add(checked.CLEAN), history.trend):
        with pytest.raises(HistoryError, match="not a database") as caught:
            use()
        assert "--history FILE" in caught.value.cure
    assert history.path.read_bytes() == content


def test_a_damaged_file_is_told_of(history: History):
    history.add(checked.RESULT)
    content = history.path.read_bytes()
    history.path.write_bytes(content[:5000])
    with pytest.raises(HistoryError, match="malformed"):
        history.trend()


def test_without_a_file_there_is_no_history_and_none_is_made(history: History):
    with pytest.raises(HistoryError, match="no history yet"):
        history.trend()
    assert not history.path.parent.exists()


def test_a_place_that_cannot_be_written_is_told_of(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryError, match="could not be written"):
        History(tmp_path / "file" / "history.sqlite3").add(checked.CLEAN)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told_of_and_read(history: History):
    history.add(checked.CLEAN)
    history.path.chmod(0o400)
    history.path.parent.chmod(0o500)
    try:
        assert len(history.trend()) == len(checked.CLEAN.scripts)
        with pytest.raises(HistoryError, match="could not be written"):
            history.add(checked.CLEAN)
    finally:
        history.path.parent.chmod(0o700)


def test_an_older_file_becomes_one_of_today_with_all_it_holds(history: History, monkeypatch: pytest.MonkeyPatch):
    history.add(checked.CLEAN)
    later = ("ALTER TABLE script ADD COLUMN colour TEXT", "UPDATE script SET colour = 'blue'")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, later))
    assert len(history.trend()) == len(checked.CLEAN.scripts)
    with closing(sqlite3.connect(history.path)) as connection:
        assert connection.execute("SELECT DISTINCT colour FROM script").fetchall() == [("blue",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)


def test_a_migration_that_fails_leaves_the_file_as_it_was(history: History, monkeypatch: pytest.MonkeyPatch):
    history.add(checked.CLEAN)
    with monkeypatch.context() as patch:
        broken = ("ALTER TABLE script ADD COLUMN colour TEXT", "UPDATE nowhere SET x = 1")
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
        with pytest.raises(HistoryError, match="nowhere"):
            history.add(checked.CLEAN)
    history.add(checked.CLEAN)
    assert len(history.trend()) == 2 * len(checked.CLEAN.scripts)
