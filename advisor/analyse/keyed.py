"""Elements that turns share by key: counts and groups, which can be put together, and caches; or a state carried on."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cached_property

from advisor.analyse.flow import MUTATORS
from advisor.analyse.sums import EXTREMES

_READ = ("get", "setdefault")
ADDING = (ast.Add, ast.Sub, ast.BitOr)
"""What can begin with nothing; a product cannot."""


class Keyed:
    """How turns use the elements of one mapping or row, called `name` (`counts`, `self.table`)."""

    def __init__(self, name: str, body: Sequence[ast.AST]) -> None:
        self.name = name
        self.body = body
        self.parents = {child: node for part in body for node in ast.walk(part) for child in ast.iter_child_nodes(node)}
        self.nodes = [node for part in body for node in ast.walk(part)]

    def is_put_together(self) -> bool:
        """True where a turn could begin with an empty one: each element is added to, or made once from its key."""
        if self.is_mixed():
            return False
        adds = [node for node in self.stores if self.reads_back(node)]
        if not all(self.adds_one(node) for node in adds):
            return False
        reads = [place for place in self.places if not self.is_explained(place)]
        if not adds and not self.augmented:
            return not reads or self.is_cache() or all(self.is_after_store(place) for place in reads)
        return not reads

    def is_mixed(self) -> bool:
        """True where elements are added to in two ways that do not go together: `ema[k] *= 0.9; ema[k] += x`."""
        sums = (ast.Add, ast.Sub)
        kinds = {
            "sum" if isinstance(node.op, sums) else type(node.op).__name__
            for node in self.nodes
            if isinstance(node, ast.AugAssign) and any(self.names(part) for part in ast.walk(node.target))
        }
        return len(kinds) > 1

    # --- the places of the name ---------------------------------------------------------------------

    @cached_property
    def places(self) -> list[ast.expr]:
        """Every place the container is named at, in order."""
        found = [node for node in self.nodes if isinstance(node, ast.Name | ast.Attribute) and self.names(node)]
        return sorted(found, key=lambda node: (node.lineno, node.col_offset))

    def names(self, node: ast.AST) -> bool:
        """True where `node` is the container."""
        return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) == self.name

    @cached_property
    def stores(self) -> list[ast.Assign]:
        """Assignments to elements."""
        found = [node for node in self.nodes if isinstance(node, ast.Assign) and self.keys_set(node)]
        return sorted(found, key=lambda node: node.lineno)

    def keys_set(self, node: ast.Assign) -> list[str]:
        """Keys of the elements that an assignment sets."""
        return [
            ast.dump(target.slice)
            for target in node.targets
            if isinstance(target, ast.Subscript) and self.names(target.value)
        ]

    @cached_property
    def augmented(self) -> bool:
        """True where an element is added to in place: `counts[k] += 1`, `groups[k].append(x)`."""
        return any(self.is_added_to(place) for place in self.places)

    def is_added_to(self, place: ast.AST) -> bool:
        """True for the container in `counts[k] += 1`, `groups[k].append(x)`, `groups.setdefault(k, []).append(x)`."""
        whole = self.parents.get(place)
        if isinstance(whole, ast.Attribute) and whole.attr in _READ:
            whole = self.parents.get(whole)
        while isinstance(whole, ast.Subscript) and isinstance(self.parents.get(whole), ast.Subscript):
            whole = self.parents[whole]
        around = self.parents.get(whole) if whole is not None else None
        if isinstance(around, ast.AugAssign):
            return around.target is whole and isinstance(around.op, ADDING)
        if isinstance(around, ast.Attribute) and around.attr in MUTATORS:
            return isinstance(self.parents.get(self.parents.get(around, around)), ast.Expr)
        return False

    def is_explained(self, place: ast.expr) -> bool:
        """True for places that give no value away: stores, sums, tests for a key, how many there are."""
        around = self.parents.get(place)
        if self.is_added_to(place) or isinstance(getattr(around, "ctx", None), ast.Store):
            return True
        if isinstance(around, ast.Compare) and all(isinstance(op, ast.In | ast.NotIn) for op in around.ops):
            return True
        if isinstance(around, ast.Call) and getattr(around.func, "id", "") == "len":
            return True
        statement = self.statement(place)
        if not isinstance(statement, ast.Assign):
            return False
        if self.keys_set(statement):
            return self.reads_back(statement)
        name = statement.targets[0].id if isinstance(statement.targets[0], ast.Name) else ""
        used = [node for node in self.nodes if isinstance(node, ast.Name) and node.id == name and _is_load(node)]
        return bool(used) and all(self.is_in_sum(node) for node in used)

    def is_in_sum(self, node: ast.AST) -> bool:
        """True where `node` stands in an assignment that adds to an element."""
        statement = self.statement(node)
        return isinstance(statement, ast.Assign) and bool(self.keys_set(statement)) and self.adds_one(statement)

    def statement(self, node: ast.AST) -> ast.AST:
        """The statement a node stands in."""
        while not isinstance(node, ast.stmt) and node in self.parents:
            node = self.parents[node]
        return node

    # --- what is stored -----------------------------------------------------------------------------

    @cached_property
    def made_from(self) -> dict[str, str]:
        """Names last set from an element before they are used, with its key ("" where that is not one element)."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Assign) and any(self.names(part) for part in ast.walk(node.value)):
                found |= {target.id: _key_of(node.value) for target in node.targets if isinstance(target, ast.Name)}
        return found

    def reads_back(self, node: ast.Assign) -> bool:
        """True where what is stored is made from what stood there, directly or by way of a name."""
        return self.reads(node.value, node.lineno)

    def reads(self, value: ast.expr, line: int) -> bool:
        """True where a value, used at `line`, is made from an element."""
        return any(self.names(part) or self.is_from_element(part, line) for part in ast.walk(value))

    def is_from_element(self, node: ast.AST, line: int) -> bool:
        """True for a name that held an element when it was last set above `line`."""
        if not isinstance(node, ast.Name) or node.id not in self.made_from:
            return False
        sets = [
            each for each in self.nodes
            if isinstance(each, ast.Assign) and each.lineno < line
            and any(isinstance(target, ast.Name) and target.id == node.id for target in each.targets)
        ]  # fmt: skip
        last = max(sets, key=lambda each: each.lineno, default=None)
        return last is not None and any(self.names(part) for part in ast.walk(last.value))

    def adds_one(self, node: ast.Assign) -> bool:
        """`counts[k] = counts.get(k, 0) + 1`: what stood at the same key and something else, added up."""
        value = node.value
        if isinstance(value, ast.Call) and getattr(value.func, "id", "") in EXTREMES:
            parts = value.args
        elif isinstance(value, ast.BinOp) and isinstance(value.op, ADDING):
            parts = [value.left, value.right]
        else:
            return False
        old = [part for part in parts if self.reads(part, node.lineno)]
        if len(old) != 1:
            return False
        key = self.made_from.get(old[0].id) if isinstance(old[0], ast.Name) else _key_of(old[0])
        return all(key == each for each in self.keys_set(node))

    # --- caches -------------------------------------------------------------------------------------

    def is_cache(self) -> bool:
        """True where elements are only made where there is none yet: after a test for the key, or a failed look-up."""
        return all(self.is_guarded(node) for node in self.stores)

    def is_guarded(self, node: ast.AST) -> bool:
        """True for what only runs where an element was looked for and not found, and nothing else with it."""
        child = node
        while child in self.parents:
            parent = self.parents[child]
            if isinstance(parent, ast.If) and self.asks(parent.test, parent.lineno):
                return all(isinstance(each, ast.Assign | ast.AnnAssign) for each in _branch(parent, child))
            if isinstance(parent, ast.ExceptHandler) and "KeyError" in ast.dump(parent.type or ast.Constant(value="")):
                return all(isinstance(each, ast.Assign | ast.AnnAssign) for each in parent.body)
            child = parent
        return False

    def asks(self, test: ast.expr, line: int) -> bool:
        """True for `k in cache` and, with `y = cache.get(k)` above, for `y is None` and `not y`."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return self.asks(test.operand, line) or self.is_from_element(test.operand, line)
        if not isinstance(test, ast.Compare) or not all(
            isinstance(op, ast.In | ast.NotIn | ast.Is | ast.IsNot) for op in test.ops
        ):
            return False
        return self.reads(test, line)

    def is_after_store(self, place: ast.expr) -> bool:
        """True for a read that finds what the same turn stored: above it, whatever way was taken."""
        key = _key_of(self.parents.get(place, place)) or _key_of(
            self.parents.get(self.parents.get(place, place), place)
        )
        return any(
            node in self.body and node.lineno < place.lineno and key in self.keys_set(node) for node in self.stores
        )


def _branch(node: ast.If, child: ast.AST) -> list[ast.stmt]:
    """The branch of a fork that `child` stands in."""
    return node.body if child in node.body else node.orelse


def _key_of(value: ast.AST) -> str:
    """The key of `counts[k]` and of `counts.get(k, 0)`; "" where it is no such thing."""
    if isinstance(value, ast.Subscript):
        return ast.dump(value.slice)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.args:
        return ast.dump(value.args[0])
    return ""


def _is_load(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)
