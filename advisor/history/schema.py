"""The tables of the history file, and how an older file becomes one of today."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

APPLICATION_ID = 0x61647669
"""In the file's header (PRAGMA application_id): "advi"; tells our files from other programs'."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE machine (digest TEXT PRIMARY KEY, fingerprint TEXT NOT NULL)",
        """CREATE TABLE result (
            id INTEGER PRIMARY KEY, created TEXT NOT NULL, advisor_version TEXT NOT NULL,
            machine TEXT NOT NULL REFERENCES machine (digest), outcome TEXT NOT NULL, total_s REAL NOT NULL,
            base_name TEXT NOT NULL, base_commit TEXT NOT NULL, base_dirty INTEGER NOT NULL,
            head_name TEXT NOT NULL, head_commit TEXT NOT NULL, head_dirty INTEGER NOT NULL
        )""",
        """CREATE TABLE script (
            result INTEGER NOT NULL REFERENCES result (id) ON DELETE CASCADE, name TEXT NOT NULL, file TEXT,
            outcome TEXT NOT NULL, ratio REAL, ratio_low REAL, ratio_high REAL,
            base_median_s REAL, base_mad_s REAL, base_runs INTEGER, base_peak_rss_bytes INTEGER,
            head_median_s REAL, head_mad_s REAL, head_runs INTEGER, head_peak_rss_bytes INTEGER,
            PRIMARY KEY (result, name)
        )""",
        "CREATE INDEX script_by_name ON script (name, result)",
    ),
)
"""What takes a file from version N (PRAGMA user_version) to N + 1. Entries are added at the end, never changed."""


class ForeignFileError(Exception):
    """A SQLite file that is not ours, or not yet: its message says which."""


def version_of(connection: sqlite3.Connection) -> int:
    """The version of an open file, 0 for an empty one.

    Raises ForeignFileError for another program's file and for one of a newer release.
    """
    version = _pragma(connection, "user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if _pragma(connection, "application_id") != APPLICATION_ID and (tables or version):
        raise ForeignFileError("it is a SQLite file of another program")
    if version > len(MIGRATIONS):
        raise ForeignFileError(f"its version is {version}, this release knows those up to {len(MIGRATIONS)}")
    return version


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the version of today, whole or not at all. Two processes may come to it at once.

    Raises as `version_of` does.
    """
    if version_of(connection) == len(MIGRATIONS):
        return
    with transaction(connection):
        for statements in MIGRATIONS[version_of(connection) :]:  # asked anew: another may have done it
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, and no other writer meanwhile.

    It takes the write lock at once: a transaction that begins by reading could only fail when it comes to write.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # SQLite rolls back by itself where the disk is full, say
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
