"""Entry point inside the user's interpreter: wait at the gate, then be `python SCRIPT` or `python -m MODULE`.

Run as `python bootstrap.py GATE_FD [REPORT_FD]`. The host writes one line of JSON to GATE_FD: the gate. On REPORT_FD
it hears "ready" once the interpreter is up, and the last line of the exception that ended the script, if one did.

Nothing but built-in modules is imported before the script runs, so that the script pays for, and sees, its own
imports only. What a script can still notice of us: frames of this file at the root of a stack it prints itself,
a recursion limit raised by as many, and this file's name in the kernel's record of the command line.
"""

_PRISTINE = dict(globals())  # what this version of Python puts into `__main__`, before we add to it

import os  # noqa: E402
import sys  # noqa: E402

# mypy reads this as true; at run time nothing is imported.
MYPY = False
if MYPY:
    from collections.abc import Callable
    from types import CodeType, FrameType, ModuleType, TracebackType
    from typing import Any

_JSON_NAMES = {"__builtins__": None, "null": None, "true": True, "false": False}

# Our descriptors move up here, out of the way of the numbers a script expects (3, 4, ...); below the usual limit 1024.
_REPORT_FD = 1000
_SAMPLER_FD = 1001

# A report is one write; POSIX keeps writes up to 512 bytes whole, Linux up to 4096.
_REPORT_BYTES = 4000


def wait_at_gate(fd: int) -> "dict[str, Any]":
    """Read the host's one line from `fd` and return it as a dict; exit where the host went away."""
    line = bytearray()
    try:
        while not line.endswith(b"\n"):
            part = os.read(fd, 1)
            if not part:
                os._exit(0)
            line += part
    except KeyboardInterrupt:
        os._exit(130)
    source = line.decode("utf-8", "surrogatepass").encode("utf-8", "backslashreplace")  # of an argument that is no text
    config: dict[str, Any] = eval(source, dict(_JSON_NAMES))  # noqa: S307  # JSON from the host is a Python expression too
    return config


def out_of_the_way(fd: int, number: int) -> int:
    """Move descriptor `fd` to `number`, closed on exec; returns where it is."""
    try:
        os.dup2(fd, number, inheritable=False)
    except OSError:  # a limit on open files below that: the given number has to do
        os.set_inheritable(fd, False)
        return fd
    os.close(fd)
    return number


class Reporter:
    """Tells the host one line a time, as long as the pipe is still the one it was and this the process it was."""

    def __init__(self, fd: int) -> None:
        self._fd = out_of_the_way(fd, _REPORT_FD)
        self._pid = os.getpid()
        self._identity = os.fstat(self._fd)[1:3]  # inode and device

    def say(self, text: str) -> None:
        """Write `text` as a line. A script may have closed our descriptor, and its number may be a file of its own."""
        try:
            if os.getpid() == self._pid and os.fstat(self._fd)[1:3] == self._identity:
                os.write(self._fd, text.encode("utf-8", "backslashreplace")[:_REPORT_BYTES] + b"\n")
        except OSError:
            pass


def last_line(error: BaseException) -> str:
    """The last line of the traceback of `error`, as `traceback.format_exception_only` ends it."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    try:
        text = str(error.msg if isinstance(error, SyntaxError) else error)
    except Exception:
        text = "<exception str() failed>"
    return f"{name}: {text}" if text else name


def without_our_frames(trace: "TracebackType | None") -> "TracebackType | None":
    """The traceback from the first frame on that is not of this file."""
    while trace is not None and trace.tb_frame.f_globals is globals():
        trace = trace.tb_next
    return trace


def show_as_the_script_would(report: "Callable[[str], object]") -> None:
    """Make the exception now under way be shown by the script's own `sys.excepthook`, without frames of ours.

    The interpreter calls the hook once this file's frames are gone; ours is in place for that one call only.
    """
    hook = getattr(sys, "excepthook", sys.__excepthook__)

    def show(kind: type[BaseException], error: BaseException, trace: "TracebackType | None") -> None:
        sys.excepthook = hook
        trace = without_our_frames(trace)
        error.__traceback__ = sys.last_traceback = trace
        report(last_line(error))
        try:
            hook(kind, error, trace)
        except Exception as failure:  # as the interpreter does it; it would show our frame
            failure.__traceback__ = without_our_frames(failure.__traceback__)
            sys.stderr.write("Error in sys.excepthook:\n")
            sys.__excepthook__(type(failure), failure, failure.__traceback__)
            sys.stderr.write("\nOriginal exception was:\n")
            sys.__excepthook__(kind, error, trace)

    sys.excepthook = show


def fresh_main(**names: object) -> "ModuleType":
    """A new `__main__` module like the one the interpreter makes, in place of this file's."""
    main = type(sys)("__main__")
    for name, value in _PRISTINE.items():
        if name not in ("__file__", "__cached__"):
            main.__dict__[name] = value
    main.__doc__ = None
    if "__annotations__" in _PRISTINE:
        main.__annotations__ = {}
    main.__loader__ = sys.modules["_frozen_importlib"].BuiltinImporter
    main.__dict__.update(names)
    sys.modules["__main__"] = main
    return main


def allow_for_our_frames() -> None:
    """Let the script recurse as deep as it could without the frames below it."""
    depth = int(sys.version_info < (3, 12))  # up to 3.11 the call of exec counts as one
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(sys.getrecursionlimit() + depth)


def run_script(path: str, compile_main: "Callable[[bytes, str], CodeType]") -> None:
    """Run the file `path` as `__main__`, as `python path` does."""
    loader = sys.modules["_frozen_importlib_external"].SourceFileLoader("__main__", path)
    names = {"__file__": path, "__cached__": None}
    main = fresh_main(__loader__=loader, **{name: names[name] for name in names if name in _PRISTINE})
    with open(path, "rb") as file:
        source = file.read()
    code = compile_main(source, path)
    del source, file
    allow_for_our_frames()
    exec(code, main.__dict__)  # noqa: S102  # this is what running a script is


def run_module(name: str, alter_argv: bool) -> None:
    """Run module `name` as `__main__`, as `python -m name` does."""
    fresh_main()
    import runpy

    allow_for_our_frames()
    runpy._run_module_as_main(name, alter_argv)  # type: ignore[attr-defined]  # what `python -m` calls


def plain_compile(source: bytes, path: str) -> "CodeType":
    """Compile as the interpreter would: no future flags of this file leak in."""
    return compile(source, path, "exec", dont_inherit=True)


def absolute(path: str) -> str:
    """`path` as the interpreter makes a script's path absolute: joined, not normalised."""
    if path.startswith("/"):
        return path
    return f"{os.getcwd()}/{path}"


def holds_modules(path: str) -> bool:
    """True where `path` is a folder or a zip file, whatever its name: the interpreter then runs its `__main__`."""
    sys.path_importer_cache[path] = None
    for hook in sys.path_hooks:
        try:
            sys.path_importer_cache[path] = hook(path)
        except ImportError:
            continue
        return True
    return False


def run_target(config: "dict[str, Any]", compile_main: "Callable[[bytes, str], CodeType]" = plain_compile) -> None:
    """Run the target of `config`; whatever it raises comes out as it is."""
    script, module = config["script"], config["module"]
    given = ["-m", module] if module is not None else [script]
    sys.orig_argv = [sys.orig_argv[0], *given, *config["argv"]]
    sys.argv = [given[0], *config["argv"]]
    sys.path_importer_cache.pop(__file__, None)
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder of this file
    if module is not None:
        if not sys.flags.safe_path:
            sys.path.insert(0, os.getcwd())
        run_module(module, True)
    elif holds_modules(absolute(script)):
        sys.path.insert(0, absolute(script))
        run_module("__main__", False)
    else:
        if not sys.flags.safe_path:
            sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
        run_script(absolute(script), compile_main)


def observe(config: "dict[str, Any]", report: "Callable[[str], object]") -> None:
    """Run the target so that neither it nor who reads its output could tell."""
    if config.get("sampler"):
        start_sampler(config["sampler"])
    try:
        run_target(config)
    except SystemExit:
        raise
    except BaseException:
        show_as_the_script_would(report)
        raise


def start_sampler(sampler: "dict[str, Any]") -> None:
    """Watch from inside, where py-spy may not from outside; the sampler's code stays out of `sys.modules`."""
    known = set(sys.modules)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sampler.py")
    names: dict[str, Any] = {"__name__": "_advisor_sampler", "__file__": path}
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec", dont_inherit=True), names)  # noqa: S102  # our own file
    for name in set(sys.modules) - known:
        del sys.modules[name]
    fd = os.open(sampler["file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    names["time"] = private_copy(names["time"])
    names["start"](out_of_the_way(fd, _SAMPLER_FD), sampler["calls"])


def private_copy(module: "ModuleType") -> "ModuleType":
    """What `module` holds now, for us alone: a script may stop the clocks, as its tests do."""
    copy = type(sys)(module.__name__)
    copy.__dict__.update(module.__dict__)
    return copy


def give_way(names: "set[str]", folder: str) -> None:
    """Forget those of the modules `names` that `folder` has too: a script beside `random.py` imports that one."""
    for name in names:
        path = f"{folder}/{name.partition('.')[0]}"
        if os.path.exists(f"{path}.py") or os.path.exists(f"{path}/__init__.py"):
            del sys.modules[name]


def record(config: "dict[str, Any]", fd: int) -> None:
    """Run the target instrumented; the rest of the agent does that."""
    package = type(sys)("_advisor_agent")
    package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
    known = set(sys.modules)
    sys.modules["_advisor_agent"] = package
    from _advisor_agent import session  # type: ignore[import-not-found]  # found by the path above, not by a name

    ours = {name for name in set(sys.modules) - known if name.startswith("_advisor_agent")}
    shared, clock = session.time, private_copy(session.time)
    for names in (vars(sys.modules[name]) for name in ours):
        if names.get("time") is shared:
            names["time"] = clock
    script = config["script"]
    give_way(set(sys.modules) - known - ours, os.path.dirname(os.path.realpath(script)) if script else os.getcwd())
    session.run(config, fd, sys.modules["__main__"])


def main() -> None:
    """Wait at the gate, then run what the host asks for."""
    gate = int(sys.argv[1])
    os.set_inheritable(gate, False)
    reporter = Reporter(int(sys.argv[2])) if len(sys.argv) > 2 else None  # noqa: PLR2004
    if reporter is not None:
        reporter.say("ready")
    config = wait_at_gate(gate)
    if config["mode"] == "record":
        record(config, gate)
    else:
        os.close(gate)
        observe(config, reporter.say if reporter is not None else lambda _text: None)


main()
