"""The profile of run 1 in the advice file: names and paths told once, so that 10,000 stacks stay small.

`files` and `frames` are tables; `nodes` are [parent, frame], a parent before its children, -1 for none; a stack is the
node of its innermost level with its seconds by kind. The spans of a thread are columns, in seconds from the start.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from advisor.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from advisor.model.profile import RunProfile, ThreadLine
    from advisor.model.shape import FrameName

Json = dict[str, Any]
NO_NODE = -1
MOST_LEVELS = 10_000_000
"""Of all stacks of a file together; a file made to fill the memory can name far more in few bytes."""


def document(profile: RunProfile) -> Json:
    """The profile as JSON types."""
    files: dict[str, int] = {}
    frames: dict[FrameName, int] = {}
    nodes: dict[tuple[int, int], int] = {}
    stacks = []
    for stack in profile.stacks:
        node = NO_NODE
        for level in stack.levels:
            node = nodes.setdefault((node, frames.setdefault(level, len(frames))), len(nodes))
        stacks.append({"node": node, "seconds": dict(stack.states)})
    table = [level._asdict() | {"file": files.setdefault(level.file, len(files))} for level in frames]
    return {
        "files": list(files),
        "frames": table,
        "nodes": [list(node) for node in nodes],
        "stacks": stacks,
        "threads": [_thread(thread) for thread in profile.threads],
        "threads_left": profile.threads_left,
        "sources": [asdict(source) for source in profile.sources],
    }


def fields(found: Mapping[str, Any]) -> Json:
    """The fields of a `RunProfile` that such a document holds, in JSON types.

    Raises ReportError where a number points at nothing, LookupError or TypeError where it is built otherwise.
    """
    files, table = found["files"], found["frames"]
    names = [[_of(files, row["file"]), row["function"], row["line"], row["own"]] for row in table]
    nodes = found["nodes"]
    left = MOST_LEVELS
    stacks = []
    for stack in found["stacks"]:
        levels = [_of(names, frame) for frame in _way(nodes, stack["node"])][::-1]
        left -= len(levels)
        if left < 0:
            raise ReportError("this advice file is too large", why=f"its stacks have over {MOST_LEVELS:,} levels")
        stacks.append({"levels": levels, "states": stack["seconds"]})
    threads = [each | {"spans": list(_spans(each))} for each in found["threads"]]
    return dict(found) | {"stacks": stacks, "threads": threads}


def _thread(thread: ThreadLine) -> Json:
    return {
        "pid": thread.pid,
        "tid": thread.tid,
        "main": thread.main,
        "start_s": [span.start_s for span in thread.spans],
        "end_s": [span.end_s for span in thread.spans],
        "state": [span.state for span in thread.spans],
    }


def _spans(thread: Mapping[str, Any]) -> Iterator[Json]:
    columns = ("start_s", "end_s", "state")
    if len({len(thread[column]) for column in columns}) > 1:
        raise ReportError("this advice file is damaged", why="the spans of a thread lack an end or a state")
    return (dict(zip(columns, row, strict=True)) for row in zip(*(thread[column] for column in columns), strict=True))


def _way(nodes: Sequence[Any], node: int) -> Iterator[int]:
    """The frames from a node up to its root. A parent stands before its child, so that there is an end."""
    while node != NO_NODE:
        parent, frame = _of(nodes, node)
        if not NO_NODE <= parent < node:
            raise ReportError("this advice file is damaged", why=f"level {node} of its stacks has no level above")
        yield frame
        node = parent


def _of(table: Sequence[Any], index: int) -> Any:  # noqa: ANN401  # what the table holds
    if type(index) is not int or not 0 <= index < len(table):
        raise ReportError("this advice file is damaged", why=f"its profile points at {index!r} of {len(table)}")
    return table[index]
