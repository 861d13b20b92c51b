"""The history file: results of checks go in whole, trends come out."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from advisor.errors import HistoryError
from advisor.history import schema
from advisor.model.advice import Interval
from advisor.model.check import CheckResult, Outcome, Revision, Run, ScriptCheck
from advisor.model.fingerprint import Fingerprint
from advisor.model.history import Figures, Point

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BUSY_S = 30.0  # a write takes milliseconds; whoever waits this long waits for something that hangs
DIGEST_CHARS = 12  # 48 bits: two alike among the dozens of machines of a project are out of the question
PRIMARY_CODE = 0xFF  # of a result code; the rest says more (sqlite.org/rescode.html)
CURE = "name another file with --history FILE (advise check) or --file FILE (advise history)"
Row = dict[str, Any]

INSERT_RESULT = """INSERT INTO result (created, advisor_version, machine, outcome, total_s, base_name, base_commit,
    base_dirty, head_name, head_commit, head_dirty) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
INSERT_SCRIPT = """INSERT INTO script (result, name, file, outcome, ratio, ratio_low, ratio_high,
    base_median_s, base_mad_s, base_runs, base_peak_rss_bytes,
    head_median_s, head_mad_s, head_runs, head_peak_rss_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
TREND = """SELECT * FROM (
    SELECT script.*, created, machine, fingerprint, base_name, base_commit, base_dirty, head_name, head_commit,
        head_dirty, row_number() OVER (PARTITION BY name, machine ORDER BY created DESC, result.id DESC) AS age
    FROM script JOIN result ON result.id = script.result JOIN machine ON machine.digest = result.machine
    WHERE :script IS NULL OR name = :script OR file = :script
) WHERE age <= :limit ORDER BY name, machine, age DESC"""


class History:
    """The results kept in the file `path`, made with its folder on the first write.

    Any number of processes may write at once; one that is killed leaves whole results only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, result: CheckResult) -> None:
        """Keep a result. Raises HistoryError where it cannot be written, with the file as it was."""
        with self._told("written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._migrated("rwc")) as connection:
                with suppress(sqlite3.OperationalError):  # another is setting it, or the file system cannot
                    connection.execute("PRAGMA journal_mode = WAL")
                with schema.transaction(connection):
                    _add(connection, result)

    def trend(self, script: str | None = None, limit: int = 100) -> tuple[Point, ...]:
        """The newest `limit` points of each script on each machine, by script and machine, oldest first.

        `script` is a name or a file, None for all. Raises HistoryError where there is no file or it cannot be read.
        """
        if not self.path.exists():
            cure = "`advise check --history FILE` writes one"
            raise HistoryError(f"there is no history yet: {self.path}", path=str(self.path), cure=cure)
        with self._told("read"), closing(self._readable()) as connection:
            connection.row_factory = sqlite3.Row
            wanted = _storable(script) if script is not None else None
            rows = connection.execute(TREND, {"script": wanted, "limit": limit}).fetchall()
            return tuple(_point(dict(row)) for row in rows)

    def _readable(self) -> sqlite3.Connection:
        """The file at today's version; where its folder cannot be written, as it is.

        There SQLite cannot make the index that its log needs, but it may be told that nothing changes
        (sqlite.org/wal.html, "Read-Only Databases").
        """
        try:
            return self._migrated("rw")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & PRIMARY_CODE not in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}:
                raise
            return self._migrated("ro" if self._wal.exists() else "ro&immutable=1")

    def _migrated(self, mode: str) -> sqlite3.Connection:
        address = f"{self.path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            schema.migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def _wal(self) -> Path:
        """Where SQLite keeps what is not in the file yet."""
        return self.path.with_name(f"{self.path.name}-wal")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Errors of the file as ours."""
        try:
            yield
        except (sqlite3.Error, schema.ForeignFileError, OSError, ValueError) as error:
            why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            message = f"the history {self.path} could not be {what}"
            raise HistoryError(message, path=str(self.path), why=why, cure=CURE) from error


def digest(fingerprint: Fingerprint) -> str:
    """A short name of a fingerprint: equal for equal ones, on any machine."""
    text = json.dumps(asdict(fingerprint), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARS]


def figures(runs: Sequence[Run]) -> Figures | None:
    """An arm's runs in short, None where there are none."""
    if not runs:
        return None
    middle = median(run.wall_s for run in runs)
    return Figures(
        median_s=middle,
        mad_s=median(abs(run.wall_s - middle) for run in runs),
        runs=len(runs),
        peak_rss_bytes=round(median(run.peak_rss_bytes for run in runs)),
    )


def _add(connection: sqlite3.Connection, result: CheckResult) -> None:
    machine = digest(result.fingerprint)
    fingerprint = json.dumps(asdict(result.fingerprint))
    connection.execute("INSERT OR IGNORE INTO machine VALUES (?, ?)", (machine, fingerprint))
    row = (_utc(result.created), result.advisor_version, machine, result.outcome, result.total_s)
    added = connection.execute(INSERT_RESULT, (*row, *_revision(result.base), *_revision(result.head)))
    for script in result.scripts:
        _add_script(connection, added.lastrowid, script)


def _add_script(connection: sqlite3.Connection, result: int | None, script: ScriptCheck) -> None:
    ratio = script.ratio
    interval = (ratio.value, ratio.low, ratio.high) if ratio is not None else (None,) * 3
    arms = (*_columns(figures(script.pairs.base)), *_columns(figures(script.pairs.head)))
    file = _storable(script.file) if script.file is not None else None
    connection.execute(INSERT_SCRIPT, (result, _storable(script.name), file, script.outcome, *interval, *arms))


def _revision(revision: Revision) -> tuple[str, str, bool]:
    return _storable(revision.name), revision.commit, revision.dirty


def _columns(found: Figures | None) -> tuple[float | None, ...]:
    if found is None:
        return (None,) * 4
    return found.median_s, found.mad_s, found.runs, found.peak_rss_bytes


def _point(row: Row) -> Point:
    outcome: Outcome = row["outcome"]
    return Point(
        script=row["name"], file=row["file"], created=row["created"], outcome=outcome, base=_of(row, "base"),
        head=_of(row, "head"), digest=row["machine"], fingerprint=_fingerprint(row["fingerprint"]), ratio=_ratio(row),
        base_figures=_figures(row, "base"), head_figures=_figures(row, "head"),
    )  # fmt: skip


def _of(row: Row, arm: str) -> Revision:
    return Revision(name=row[f"{arm}_name"], commit=row[f"{arm}_commit"], dirty=bool(row[f"{arm}_dirty"]))


def _ratio(row: Row) -> Interval | None:
    if row["ratio"] is None:
        return None
    return Interval(value=row["ratio"], low=row["ratio_low"], high=row["ratio_high"])


def _figures(row: Row, arm: str) -> Figures | None:
    if row[f"{arm}_median_s"] is None:
        return None
    return Figures(
        median_s=row[f"{arm}_median_s"], mad_s=row[f"{arm}_mad_s"], runs=row[f"{arm}_runs"],
        peak_rss_bytes=row[f"{arm}_peak_rss_bytes"],
    )  # fmt: skip


def _fingerprint(text: str) -> Fingerprint:
    """A stored fingerprint; fields that a later release adds are passed over."""
    found = json.loads(text)
    found["packages"] = tuple((name, version) for name, version in found["packages"])
    return Fingerprint(**{each.name: found[each.name] for each in fields(Fingerprint) if each.name in found})


def _storable(text: str) -> str:
    """`text` as UTF-8 can hold it: a byte of a file name that is no text as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def _utc(created: str) -> str:
    """An ISO 8601 time as UTC to the second with a Z, so that the order of texts is that of time."""
    moment = datetime.fromisoformat(created)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
