"""What calls share and change, by the source of the callee: counters, keys of their own, and what a lock guards.

The witnesses of run 2 saw a few calls; a change on a rare branch, and the reading of a key before it is set, are only
in the source. Of a callee whose source cannot be read, what was seen is all there is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from advisor.analyse import source
from advisor.model.recording import RecordedSite

_LOCK = re.compile(r"lock|mutex|semaphore|condition|\bcond\b", re.IGNORECASE)
"""Names that people give to what they hold while they change something; the value is not at hand here."""
_PLACE = re.compile(r"^(?:global |enclosing variable |argument )?'?([\w.]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedState:
    """How the calls of a site treat what they share, each as names for people.

    `changed`: read and set again, as a counter is; side by side, one call's change may be lost. `added`: only added
    to, or set at keys of its own; threads may do that, processes would each add to a copy. `guarded`: changed, but
    under a lock of the user's own: as `added`.
    """

    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    guarded: tuple[str, ...] = ()

    @property
    def in_this_process(self) -> tuple[str, ...]:
        """What threads may do as it is, and processes may not."""
        return self.added + self.guarded


def shared_state(recorded: RecordedSite) -> SharedState:
    """Both witnesses together. Random state is left out: it decides which figures come, not whether they are right."""
    writes = tuple(_writes(recorded))
    loose = [write for write in writes if write.reads_back and not write.guarded]
    counted = {write.place for write in loose if recorded.one_receiver or not write.on_self}
    seen = [name for name in recorded.mutated if not is_random(name)]
    guarded = {name for name in seen if _is_guarded(_place(name), writes)}
    own_keys = {name for name in recorded.by_key if _place(name) not in counted}
    changed = [name for name in (*seen, *recorded.by_key) if name not in guarded | own_keys]
    known = {_place(name) for name in (*seen, *recorded.grown, *recorded.by_key)}
    changed += sorted(write.told for write in writes if write.place in counted and write.place not in known)
    return SharedState(
        changed=tuple(dict.fromkeys(changed)),
        added=(*recorded.grown, *sorted(own_keys)),
        guarded=tuple(sorted(guarded)),
    )


def is_random(name: str) -> bool:
    """True where a changed name is a global random generator's state (ADV306)."""
    return name.startswith("the state of ")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Write:
    """One place in the callee that sets something shared."""

    place: str
    told: str
    reads_back: bool
    guarded: bool
    on_self: bool


def _writes(recorded: RecordedSite) -> Iterator[_Write]:
    if recorded.callee_file is None or recorded.callee_line is None:
        return
    function = source.function_at(recorded.callee_file, recorded.callee_line)
    if function is None:
        return
    scopes = _Scopes(function)
    for node, guarded in _statements(function.body, guarded=False):
        for target, reads_back in _targets(node):
            place = scopes.shared_place(target)
            if place is not None:
                told = f"{scopes.sort(place)}{place} (line {node.lineno})"
                on_self = place.startswith(f"{scopes.me}.")
                yield _Write(place=place, told=told, reads_back=reads_back, guarded=guarded, on_self=on_self)


class _Scopes:
    """Which names of a function are not its own."""

    def __init__(self, function: source.Function) -> None:
        outer = [name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names]
        enclosing = [name for node in ast.walk(function) if isinstance(node, ast.Nonlocal) for name in node.names]
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        self.outer, self.enclosing = set(outer), set(enclosing)
        self.me = arguments[0].arg if arguments and arguments[0].arg in ("self", "cls") else None
        bound = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not _is_load(node)}
        self.own = (bound | {argument.arg for argument in arguments}) - self.outer - self.enclosing

    def shared_place(self, target: ast.expr) -> str | None:
        """`total`, `self.total` or `counts` (of `counts[key]`) where it is shared; an argument's own parts are not."""
        node = target.value if isinstance(target, ast.Subscript) else target
        if isinstance(node, ast.Name):
            named = node.id in self.outer | self.enclosing
            return node.id if named or (node is not target and node.id not in self.own) else None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            root = node.value.id
            return f"{root}.{node.attr}" if root == self.me or root not in self.own else None
        return None

    def sort(self, place: str) -> str:
        """What to call a place besides its name."""
        if "." in place:
            return ""
        return "enclosing variable " if place in self.enclosing else "global "


def _targets(node: ast.stmt) -> Iterator[tuple[ast.expr, bool]]:
    """(target, whether its old value is read) of a statement that sets something."""
    if isinstance(node, ast.AugAssign):
        yield node.target, True
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            text = ast.dump(_as_load(target))
            yield target, any(ast.dump(part) == text for part in ast.walk(node.value))


def _statements(body: Iterable[ast.stmt], *, guarded: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """Every statement of a body, with whether a lock is held there; functions and classes inside run elsewhere."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        yield node, guarded
        locked = isinstance(node, ast.With | ast.AsyncWith) and any(
            _LOCK.search(ast.unparse(item.context_expr)) for item in node.items
        )
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, field, []), guarded=guarded or locked)
        for case in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
            yield from _statements(case.body, guarded=guarded or locked)


def _is_guarded(place: str, writes: Iterable[_Write]) -> bool:
    """True where the callee itself sets a place, and always under a lock."""
    ours = [write.guarded for write in writes if write.place == place]
    return bool(ours) and all(ours)


def _place(name: str) -> str:
    """`global counts['a']` as `counts`, `self.total` as it is."""
    found = _PLACE.match(name)
    return found[1] if found is not None else name


def _as_load(target: ast.expr) -> ast.expr:
    """The expression that reads what `target` sets."""
    return ast.parse(ast.unparse(target), mode="eval").body


def _is_load(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)
