"""The user's source files as they are when the script has run: it may change or delete them later."""

from __future__ import annotations

import io
import os
import tokenize
from collections.abc import Iterable, Mapping
from contextlib import suppress

from advisor.model.observation import Observation

LARGEST_BYTES = 5_000_000
"""A larger file is not read: hardly anyone wrote it."""
FALLBACK = "utf-8"


def read_sources(observation: Observation) -> Mapping[str, tuple[str, ...]]:
    """The lines of every file of the user's own code that was seen to run, without their ends.

    Decoded as Python does it (PEP 263), what cannot be decoded replaced. Files that are not there (`<string>`) or
    cannot be read are left out.
    """
    files = dict.fromkeys(frame.file for stack in observation.stacks for frame in stack if frame.own)
    return dict(_read(files))


def _read(files: Iterable[str]) -> Iterable[tuple[str, tuple[str, ...]]]:
    for file in files:
        if os.path.isfile(file):  # opening a named pipe would wait for its writer
            with suppress(OSError), open(file, "rb") as source:
                data = source.read(LARGEST_BYTES + 1)
                if len(data) <= LARGEST_BYTES:
                    yield file, lines_of(data)


def lines_of(data: bytes) -> tuple[str, ...]:
    """The lines of a source file as Python counts them: ended by a line feed, a carriage return, or both."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding, errors="replace")
    except (SyntaxError, LookupError, UnicodeError):
        text = data.decode(FALLBACK, errors="replace")
    return tuple(line.removesuffix("\n") for line in io.StringIO(text, newline=None))
