"""Rewrite the user's source as it is compiled, so that calls on hot lines pass through the recorder.

`f(x)` becomes `(f if TICK() else WRAP(f))(x)`: only the callee expression changes, so arguments are
evaluated where and when they were. TICK is a C-level iterator: once a site has been recorded often enough it
lets all but one call in a thousand go straight to `f`, at about 30 ns each.
"""

import ast
import builtins
import importlib.machinery
import os
import sys
import types

# These look at the frame that calls them, or are syntax in disguise.
_FRAME_BOUND = frozenset({"super", "locals", "globals", "vars", "dir", "eval", "exec", "__import__", "breakpoint"})
_CALLEE_CHARS = 60
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class _Rewriter(ast.NodeTransformer):
    """Wraps the callee of each call that touches a hot line."""

    def __init__(self, path, hot, new_site):
        self.path = path
        self.hot = hot
        self.new_site = new_site
        self.scopes = []
        self.loops = 0

    def visit(self, node):
        if isinstance(node, _SCOPES):
            return self.in_scope(node)
        if isinstance(node, _LOOPS):
            return self.loop(node)
        if isinstance(node, ast.JoinedStr):
            return node  # positions inside f-strings are not reliable before 3.12
        if isinstance(node, ast.Call):
            return self.call(node)
        return self.generic_visit(node)

    def in_scope(self, node):
        self.scopes.append((node, self.loops))
        # A lambda inside a loop is one of the loop's tasks; a def starts afresh.
        self.loops = self.loops if isinstance(node, ast.Lambda) else 0
        self.generic_visit(node)
        self.loops = self.scopes.pop()[1]
        return node

    def loop(self, node):
        """What a loop iterates over is evaluated once: it is not one of the loop's tasks."""
        source = node if isinstance(node, (ast.For, ast.AsyncFor)) else getattr(node, "generators", [None])[0]
        if source is not None:
            source.iter = self.visit(source.iter)
        self.loops += 1
        for field, value in ast.iter_fields(node):
            self.loop_part(node, field, value, source)
        self.loops -= 1
        return node

    def loop_part(self, node, field, value, source):
        if node is source and field == "iter":
            return
        if isinstance(value, list):
            value[:] = [part if part is source else self.visit(part) for part in value]
        elif isinstance(value, ast.AST):
            setattr(node, field, self.visit(value))
        if field == "generators" and source is not None:
            source.target = self.visit(source.target)
            source.ifs = [self.visit(test) for test in source.ifs]

    def call(self, node):
        span = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        text = ast.unparse(node.func)[:_CALLEE_CHARS] if self.hot.intersection(span) else ""
        self.generic_visit(node)
        if not text or text in _FRAME_BOUND:
            return node
        site = self.new_site(
            file=self.path,
            line=node.lineno,
            end_line=span[-1],
            column=node.col_offset,
            function=self.qualname(),
            callee=text,
            in_loop=self.loops > 0,
        )
        node.func = self.wrapped(node.func, site)
        return node

    def qualname(self):
        parts = []
        for scope, _ in self.scopes:
            parts.append("<lambda>" if isinstance(scope, ast.Lambda) else scope.name)
            if not isinstance(scope, ast.ClassDef):
                parts.append("<locals>")
        if parts and parts[-1] == "<locals>":
            parts.pop()
        return ".".join(parts) or "<module>"

    def wrapped(self, func, site):
        wrap = _at(ast.Call(func=_name(site.wrap_name), args=[func], keywords=[]), func)
        if not _is_simple(func):
            return wrap
        tick = ast.Call(func=_name(site.tick_name), args=[], keywords=[])
        return _at(ast.IfExp(test=tick, body=func, orelse=wrap), func)


def _name(text):
    return ast.Name(id=text, ctx=ast.Load())


def _at(node, where):
    for part in ast.walk(node):
        if not hasattr(part, "lineno") and isinstance(part, ast.expr):
            ast.copy_location(part, where)
    return node


def _is_simple(node):
    """True for `name` and `name.attribute...`: cheap, harmless and small to have twice in the code."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


class Instrumenter:
    """Compiles hot files with the recorder in, and knows the way back to the user's own code."""

    def __init__(self, hot_lines, new_site):
        """`hot_lines` maps an absolute path to its hot lines; `new_site(**where)` makes a recorder site."""
        self.hot = {path: frozenset(lines) for path, lines in hot_lines.items()}
        self.new_site = new_site
        self.plain_code = {}

    def compile(self, source, path):
        """Code object of `source`; instrumented where `path` has hot lines."""
        plain = compile(source, path, "exec", dont_inherit=True)
        absolute = os.path.abspath(path)
        hot = self.hot.get(absolute) or self.hot.get(os.path.realpath(path))
        if not hot:
            return plain
        try:
            tree = _Rewriter(absolute, hot, self._make_site).visit(ast.parse(source, path))
            code = compile(tree, path, "exec", dont_inherit=True)
        except (SyntaxError, RecursionError, ValueError):  # too deep to rewrite: run it as it is
            return plain
        self._pair(code, plain)
        return code

    def _make_site(self, **where):
        site = self.new_site(**where)
        setattr(builtins, site.wrap_name, site.wrap)
        setattr(builtins, site.tick_name, site.tick)
        return site

    def _pair(self, ours, plain):
        self.plain_code[id(ours)] = (ours, plain)
        nested = [const for const in ours.co_consts if isinstance(const, types.CodeType)]
        originals = [const for const in plain.co_consts if isinstance(const, types.CodeType)]
        for left, right in zip(nested, originals, strict=True):
            self._pair(left, right)

    def install(self):
        """Put the import hook first."""
        sys.meta_path.insert(0, _Finder(self))

    def restore(self, functions):
        """Give `functions` the user's own code back: trials measure that and nothing else."""
        for function in functions:
            found = self.plain_code.get(id(function.__code__))
            if found is not None:
                function.__code__ = found[1]


class _Finder:
    """Hands out hot modules with our loader and leaves all others to the next finder."""

    def __init__(self, instrumenter):
        self.instrumenter = instrumenter

    def find_spec(self, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not importlib.machinery.SourceFileLoader:
            return None
        origin = os.path.abspath(spec.origin)
        if origin not in self.instrumenter.hot and os.path.realpath(origin) not in self.instrumenter.hot:
            return None
        spec.loader = _Loader(spec.loader.name, spec.loader.path, self.instrumenter)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """A source loader that neither reads nor writes cached byte code."""

    def __init__(self, name, path, instrumenter):
        super().__init__(name, path)
        self.instrumenter = instrumenter

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        return self.instrumenter.compile(self.get_data(path), path)
