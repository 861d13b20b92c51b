"""A loop as a function of its items, where its turns do not need each other; else why not, in the user's names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from advisor.analyse import source
from advisor.analyse.items import Head, NoItemsError, head_of
from advisor.analyse.keyed import Keyed
from advisor.analyse.linked import linked_items
from advisor.analyse.names import Uses, uses_of
from advisor.analyse.scopes import names_around, scope_of
from advisor.analyse.sums import is_sum
from advisor.analyse.touches import Touch, touches
from advisor.model.outline import Outline, Refusal, Start

_OWN_FRAME = frozenset({"locals", "globals", "vars", "dir", "eval", "exec", "super", "__class__", "breakpoint"})
"""What looks at the function it stands in, and would find another one."""
_VALUE: Start = "value"
CHANGES = ("add", "set", "sum", "take")
"""How an object is touched by what changes it."""


def outline(file: str, loop: source.Loop) -> Outline | Refusal:
    """The loop as a function of its items, or why it cannot be one."""
    try:
        head = head_of(loop)
    except NoItemsError as error:
        return Refusal(why=str(error), dependent=error.dependent)
    barred = _barred(loop, head)
    if barred is not None:
        return barred
    loop_code = _Body(file=file, loop=loop, head=head, uses=uses_of(head.body, head.items))
    return loop_code.needs() or loop_code.outline()


def turn_function(found: Outline) -> source.Function | None:
    """A turn of a loop as a function definition, None where the loop is not found any more."""
    place = found.line, found.column
    loops = (node for node in source.parents(found.file) if isinstance(node, source.Loop))
    loop = next((node for node in loops if (node.lineno, node.col_offset) == place), None)
    if loop is None:
        return None
    given = (*found.fixed, *found.items, *(name for name, _ in found.accumulators))
    names = sorted(given, key=lambda name: name != "self")
    arguments = ast.arguments(
        posonlyargs=[], args=[ast.arg(arg=name) for name in names], kwonlyargs=[], kw_defaults=[], defaults=[]
    )
    turn = ast.FunctionDef(name="turn", args=arguments, body=list(head_of(loop).body), decorator_list=[])
    return ast.copy_location(turn, loop)


def _barred(loop: source.Loop, head: Head) -> Refusal | None:  # noqa: PLR0911  # one way out a reason
    """What no function of its own can do for the loop it was taken out of."""
    for node in _own_nodes(head.body):
        line = getattr(node, "lineno", loop.lineno)
        if isinstance(node, ast.Return) or (isinstance(node, ast.Break) and not _of_inner_loop(node, head.body)):
            word = "return" if isinstance(node, ast.Return) else "break"
            return Refusal(why=f"`{word}` at line {line} may end the loop before its later turns", dependent=True)
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return Refusal(why=f"`yield` at line {line} hands a result out in the middle of a turn")
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            return Refusal(why=f"`await` at line {line}: turns of an event loop overlap by tasks, not by workers")
        if isinstance(node, ast.Global | ast.Nonlocal):
            return Refusal(why=f"line {line} declares names of another scope in the middle of a turn")
        if isinstance(node, ast.Name) and node.id in ("setattr", "delattr"):
            return Refusal(why=f"which attribute `{node.id}` sets at line {line} cannot be told from the source")
        if isinstance(node, ast.Name) and node.id in _OWN_FRAME:
            return Refusal(why=f"`{node.id}` at line {line} looks at the function it stands in")
    return None


def _own_nodes(body: Iterable[ast.AST]) -> Iterable[ast.AST]:
    """All nodes but those of functions and classes defined inside, which run elsewhere."""
    for node in body:
        yield node
        if not isinstance(node, source.SCOPES):
            yield from _own_nodes(ast.iter_child_nodes(node))


def _of_inner_loop(wanted: ast.Break, body: Iterable[ast.AST]) -> bool:
    loops = [node for part in body for node in ast.walk(part) if isinstance(node, source.LoopStatement)]
    return any(wanted is node for loop in loops for part in loop.body for node in ast.walk(part))


@dataclass(frozen=True, kw_only=True)  # without slots: it keeps what it has found out
class _Body:
    """The turns of one loop: its head, and what its body reads and sets."""

    file: str
    loop: source.Loop
    head: Head
    uses: Uses

    @property
    def carried(self) -> dict[str, int]:
        """Names that a turn reads before it sets them, and sets: what it found there is another turn's.

        A name with no value before the loop was set first in the first turn, and is in the others: inner loops that set
        it are taken to run.
        """
        items = set(self.head.items)
        surely = uses_of(self.head.body, self.head.items, loops_run=True).exposed
        return {
            name: line
            for name, line in self.uses.exposed.items()
            if name in self.uses.set and name not in items and (name in surely or name in self.set_before)
        }

    @cached_property
    def set_before(self) -> set[str]:
        """Names that have a value when the loop begins, as far as the code above it in its scope tells."""
        scope = scope_of(self.file, self.loop)[0]
        whole: ast.AST | None = scope if scope is not None else source.tree(self.file)
        every = [node for node in ast.walk(whole)] if whole is not None else []  # noqa: C416  # walked twice
        stored = {
            node.id for node in every
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.lineno < self.loop.lineno
        }  # fmt: skip
        shared = {name for node in every if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
        return stored | shared | {node.arg for node in every if isinstance(node, ast.arg)}

    @property
    def sums(self) -> set[str]:
        """Those of them that turns only add to, or keep the largest of."""
        return {name for name in self.carried if is_sum(name, self.head.body)}

    @property
    def read(self) -> set[str]:
        """Names that turns read and never set."""
        return self.uses.exposed.keys() - self.uses.set.keys() - set(self.head.items)

    def touched(self) -> dict[tuple[str, ...], list[Touch]]:
        """What turns do to each object that they did not make."""
        found: dict[tuple[str, ...], list[Touch]] = {}
        for touch in touches(self.head.body, self.read):
            found.setdefault(touch.path, []).append(touch)
        return found

    def needs(self) -> Refusal | None:
        """Why a turn needs the turns before it, None where it does not."""
        for name, line in self.carried.items():
            if name not in self.sums:
                where = self.uses.set[name]
                why = f"`{name}`, read at line {line}, is what the turn before set at line {where}"
                return Refusal(why=why, dependent=True)
        every = self.touched()
        grown = self.grows_source(every)
        if grown is not None:
            return grown
        linked = linked_items(self.head.body, self.head.items, self.head.source)
        if linked:
            return Refusal(why=linked, dependent=True)
        for path, found in every.items():
            why = self.dependence(".".join(path), [*found, *_of_parts(path, every)])
            if why:
                return Refusal(why=why, dependent=True)
        return self.items_share(every)

    def dependence(self, name: str, found: Sequence[Touch]) -> str:
        """Why turns that touch one object so need each other, "" where they do not."""
        changes = [touch for touch in found if touch.how in CHANGES]
        reads = [touch for touch in found if touch.how in ("element", "read")]
        if not changes or self.head.comes_once(found[0].path, [touch.key for touch in (*changes, *reads)]):
            return ""
        taken = next((touch for touch in changes if touch.how == "take"), None)
        if taken is not None:
            return f"line {taken.line} takes from `{name}`, or reorders it: the next turn finds what is left"
        if all(touch.how == "add" for touch in changes):
            return _read_back(name, reads[0], changes[0]) if reads else ""
        if not any(touch.key for touch in changes):
            return _of_attribute(name, changes, reads, self.head.body)
        keys = {touch.key for touch in changes}
        read = next((touch for touch in reads if touch.key not in keys), None)
        if read is None and Keyed(name, self.head.body).is_put_together():
            return ""
        read = read or (*reads, *changes)[0]
        return _read_back(name, read, changes[0])

    def grows_source(self, every: dict[tuple[str, ...], list[Touch]]) -> Refusal | None:
        """A body that changes what the loop goes through makes later turns: `for d in dirs: dirs.append(...)`."""
        sources = {ast.unparse(part) for part in self.head.source}
        for path, found in every.items():
            change = next((touch for touch in found if touch.how in ("add", "take") and not touch.key), None)
            if change is not None and ".".join(path) in sources:
                why = f"line {change.line} changes `{'.'.join(path)}`, which the loop goes through: turns make turns"
                return Refusal(why=why, dependent=True)
        return None

    def items_share(self, every: dict[tuple[str, ...], list[Touch]]) -> Refusal | None:
        """Items changed in place, while the container they come from is read in the same turn."""
        changed = [each for each in touches(self.head.body, self.head.items) if each.how in CHANGES]
        source_names = {node.id for part in self.head.source for node in ast.walk(part) if isinstance(node, ast.Name)}
        for path, found in every.items():
            read = next((touch for touch in found if touch.how in ("element", "read")), None)
            if changed and read is not None and path[0] in source_names:
                return Refusal(why=_read_back(".".join(path), read, changed[0]), dependent=True)
        return None

    # --- the function ------------------------------------------------------------------------------

    def outline(self) -> Outline:
        """The loop as a function."""
        scope, owner, name = scope_of(self.file, self.loop)
        space = names_around(self.file, self.loop)
        accumulators = dict.fromkeys(self.sums, _VALUE) | self.collected()
        fixed = sorted(name for name in self.read - accumulators.keys() if name in space)
        outs = {name for name in self.uses.set if name in self.read_elsewhere(scope)} | accumulators.keys()
        lines = [part.lineno for part in self.head.body if hasattr(part, "lineno")]
        return Outline(
            file=self.file,
            line=self.loop.lineno,
            column=self.loop.col_offset,
            first_line=min(lines),
            end_line=self.loop.end_lineno or self.loop.lineno,
            function=name,
            items=self.head.items,
            fixed=tuple(fixed),
            sent=tuple(fixed) if scope is not None else (),
            accumulators=tuple(sorted(accumulators.items())),
            outs=tuple(sorted(outs)),
            changes=tuple(sorted(self.changed())),
            skip=self.head.skip,
            owner=owner,
        )

    def changed(self) -> set[str]:
        """Names of what turns change: a function that they call must not read it."""
        touched = {path[0] for path, found in self.touched().items() if any(touch.how in CHANGES for touch in found)}
        return touched | set(self.uses.set)

    def collected(self) -> dict[str, Start]:
        """Containers that turns only add to, or set elements of: each turn can begin with an empty one."""
        found = self.touched()
        names = {path[0] for path, each in found.items() if len(path) == 1 and _is_collected(each)}
        return {
            name: _start(found[name,])
            for name in names
            if all(path == (name,) for path in found if path[0] == name)
            and not any(
                self.head.comes_once(each.path, [each.key]) for each in found[name,] if each.how in ("element", "sum")
            )
        }

    def read_elsewhere(self, scope: source.Function | None) -> set[str]:
        """Names read anywhere in the scope but in the body of this loop; by other functions, where they are globals."""
        whole = scope if scope is not None else source.tree(self.file)
        inside = {node for part in self.head.body for node in ast.walk(part)}
        every = ast.walk(whole) if whole is not None else ()
        return {
            node.id
            for node in every
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node not in inside
        }


def _of_attribute(name: str, changes: Sequence[Touch], reads: Sequence[Touch], body: Sequence[ast.stmt]) -> str:
    """An attribute that a turn reads before it surely set it; one that is only added to is left to the witnesses."""
    sets = [touch for touch in changes if touch.how == "set"]
    if not sets or not reads:
        return ""
    sure = {node.lineno for node in body if isinstance(node, ast.Assign | ast.AnnAssign)}
    first = min((touch.line for touch in sets if touch.line in sure), default=None)
    early = next((touch for touch in reads if first is None or touch.line <= first), None)
    return _read_back(name, early, sets[0]) if early is not None else ""


def _start(found: Sequence[Touch]) -> Start:
    """What a container that these touches fill can be replaced by."""
    hows = {touch.how for touch in found}
    if hows <= {"add", "size"}:
        return "empty"
    deep = any(len(touch.key) > 1 for touch in found)
    filled = next((touch for touch in found if touch.how in ("set", "sum")), None)
    return "neutral" if deep or filled is None or filled.how == "sum" else "slots"


def _is_collected(found: Sequence[Touch]) -> bool:
    changes = [touch for touch in found if touch.how in ("add", "set", "sum")]
    return bool(changes) and all(touch.how in ("add", "set", "sum", "element", "size") for touch in found)


def _of_parts(path: tuple[str, ...], every: dict[tuple[str, ...], list[Touch]]) -> Iterable[Touch]:
    """Whoever reads the whole object reads the part: `render(grid)` while `grid.cells` is set."""
    for other, found in every.items():
        if other != path and other == path[: len(other)]:
            yield from (touch for touch in found if touch.how == "read")


def _read_back(name: str, read: Touch, change: Touch) -> str:
    verb = {"add": "adds to it", "sum": "adds to it"}.get(change.how, "sets it")
    if read.line == change.line:
        return f"`{name}`, changed at line {change.line}, is made from what turns before left there"
    return f"`{name}` is read at line {read.line}, and a turn before {verb} at line {change.line}"
