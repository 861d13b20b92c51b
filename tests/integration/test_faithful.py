"""A script run through the bootstrap prints, fails and ends exactly as `python script` does, byte for byte."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from advisor.model.target import Target
from advisor.observe.launch import BOOTSTRAP, gate_config, gate_line

TIMEOUT_S = 30
CHANGING = re.compile(rb"0x[0-9a-f]+|\b1[34][0-9]{13}\b")


@dataclass(frozen=True)
class Outcome:
    """All that a user or a shell sees of a run."""

    stdout: bytes
    stderr: bytes
    code: int

    @classmethod
    def of(cls, stdout: bytes, stderr: bytes, code: int) -> Outcome:
        """The outcome with what differs from run to run blotted out: addresses and thread numbers."""
        return cls(CHANGING.sub(b"#", stdout), CHANGING.sub(b"#", stderr), code)


def plainly(arguments: list[str], folder: Path, stdin: bytes, environment: dict[str, str]) -> Outcome:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        env=environment,
        check=False,
        timeout=TIMEOUT_S,
    )
    return Outcome.of(done.stdout, done.stderr, done.returncode)


def through_bootstrap(
    arguments: list[str], folder: Path, stdin: bytes, environment: dict[str, str]
) -> tuple[Outcome, list[str]]:
    """The outcome of a run behind the gate, and the lines it reported to the host."""
    gate_read, gate_write = os.pipe()
    report_read, report_write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, BOOTSTRAP, str(gate_read), str(report_write)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        pass_fds=(gate_read, report_write),
    )
    os.close(gate_read)
    os.close(report_write)
    is_module = arguments[0] == "-m"
    target = Target(
        python=sys.executable,
        script=None if is_module else arguments[0],
        module=arguments[1] if is_module else None,
        argv=tuple(arguments[2 if is_module else 1 :]),
    )
    os.write(gate_write, gate_line(gate_config(target)))
    os.close(gate_write)
    stdout, stderr = process.communicate(stdin, timeout=TIMEOUT_S)
    with os.fdopen(report_read, "rb") as report:
        lines = report.read().decode().splitlines()
    return Outcome.of(stdout, stderr, process.returncode), lines


def assert_same(arguments: list[str], folder: Path, stdin: bytes = b"", **environment: str) -> list[str]:
    """Run `python ARGUMENTS` both ways and compare; the reported lines after "ready"."""
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    expected = plainly(arguments, folder, stdin, variables)
    seen, lines = through_bootstrap(arguments, folder, stdin, variables)
    assert seen == expected
    assert lines[0] == "ready"
    return lines[1:]


SCRIPTS = {
    "prints": "print('one')\nprint('two')",
    "raises": "def f():\n    return 1 / 0\n\nf()",
    "raises with cause": """
        def f():
            try:
                {}['key']
            except KeyError as error:
                raise ValueError('several\\nlines') from error
        f()
        """,
    "own exception": "class Mine(Exception): pass\nraise Mine('text')",
    "exception without text": "raise LookupError",
    "exception group": "raise ExceptionGroup('several', [ValueError('one'), TypeError('two')])",
    "exception with note": "error = ValueError('x')\nerror.add_note('a note')\nraise error",
    "assertion": "assert 1 == 2, 'message'",
    "sys.exit()": "import sys; sys.exit()",
    "sys.exit(3)": "import sys; sys.exit(3)",
    "sys.exit(text)": "import sys; sys.exit('it went wrong')",
    "sys.exit(tuple)": "import sys; sys.exit((1, 2))",
    "sys.exit(None)": "import sys; sys.exit(None)",
    "sys.exit(300)": "import sys; sys.exit(300)",
    "sys.exit(-1)": "import sys; sys.exit(-1)",
    "sys.exit(True)": "import sys; sys.exit(True)",
    "raise SystemExit in a function": "def f():\n    raise SystemExit(7)\nf()",
    "os._exit": "import os; print('unflushed'); os._exit(9)",
    "KeyboardInterrupt": "def f():\n    raise KeyboardInterrupt\nf()",
    "SIGINT": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "SIGTERM": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "SIGKILL": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "abort": "import os; os.abort()",
    "recursion": "def f(n):\n    return f(n + 1)\nf(0)",
    "depth that can be reached": """
        def f(n):
            try:
                return f(n + 1)
            except RecursionError:
                return n
        print(f(0))
        """,
    "atexit order": "import atexit\natexit.register(print, 'first')\natexit.register(print, 'second')\nprint('end')",
    "atexit after an exception": "import atexit\natexit.register(print, 'bye', flush=True)\n1 / 0",
    "exception in atexit": "import atexit\ndef f():\n    1 / 0\natexit.register(f)",
    "exception in a thread": """
        import threading
        thread = threading.Thread(target=lambda: 1 / 0, name='worker')
        thread.start()
        thread.join()
        print('on')
        """,
    "threads that outlive the script": """
        import threading, time
        threading.Thread(target=lambda: (time.sleep(0.1), print('late'))).start()
        print('end')
        """,
    "daemon threads": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "thread names": "import threading\nprint(threading.enumerate(), threading.main_thread())",
    "excepthook of the script": """
        import sys
        def hook(kind, error, trace):
            print(kind, error, trace.tb_lineno, trace.tb_next, file=sys.stderr)
        sys.excepthook = hook
        1 / 0
        """,
    "excepthook that fails": """
        import sys
        def hook(kind, error, trace):
            raise LookupError('in the hook')
        sys.excepthook = hook
        1 / 0
        """,
    "excepthook that exits": """
        import sys
        sys.excepthook = lambda kind, error, trace: sys.exit(5)
        1 / 0
        """,
    "excepthook is the interpreter's": """
        import atexit, sys
        atexit.register(lambda: print(sys.excepthook is sys.__excepthook__, sys.last_value.__traceback__.tb_lineno))
        print(sys.excepthook is sys.__excepthook__)
        raise ValueError
        """,
    "unraisable": "class A:\n    def __del__(self):\n        1 / 0\nA()\nprint('on')",
    "__main__": """
        import sys
        for name, value in list(globals().items()):
            print(name, value)
        print(list(sys.modules), sys.modules['__main__'].__dict__ is globals(), vars() is globals())
        print(ascii(sys.argv), ascii(sys.orig_argv), sys.path, sys.flags, sys.warnoptions, sys._xoptions)
        print(sorted(sys.path_importer_cache))
        """,
    "environment": "import os\nprint(os.environ, os.getcwd(), os.getppid() > 0)",
    "open files": "import os\nprint([name for name in range(3, 400) if os.path.exists(f'/proc/self/fd/{name}')])\n"
    "print(open(__file__).fileno())",
    "hooks": "import sys, threading, signal\nprint(sys.gettrace(), sys.getprofile(), threading.gettrace(), "
    "signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGPIPE), signal.pthread_sigmask(0, []))",
    "stdin": "import sys\nprint(input('name? '), sys.stdin.readline(), sys.stdin.read(), sys.stdin.isatty())",
    "end of stdin": "while True:\n    input()",
    "doc": "'''The docstring.'''\nprint(__doc__)",
    "annotations": "x: int = 1\nprint(__annotations__)",
    "future": "from __future__ import annotations\nx: undefined = 1\nprint(__annotations__)",
    "without future": "try:\n    x: undefined = 1\nexcept NameError as error:\n    print(error)",
    "syntax warning": "x = 1\nprint(x is 1)",
    "deprecation warning": "import warnings\nwarnings.warn('old', DeprecationWarning)",
    "import of a missing module": "import no_such_module_at_all",
    "import of a module with a syntax error": "import broken_module",
    "import beside it": "import beside\nbeside.fail()",
    "import of itself": "import __main__\nprint(__main__.x if hasattr(__main__, 'x') else 'none')\nx = 1",
    "pickle by name": """
        import pickle
        class Thing: pass
        print(pickle.dumps(Thing()), type(pickle.loads(pickle.dumps(Thing()))) is Thing)
        """,
    "typing and dataclasses": """
        import dataclasses, typing
        @dataclasses.dataclass
        class Point:
            x: 'int'
        print(Point(1), typing.get_type_hints(Point))
        """,
    "inspect": """
        import inspect
        def f():
            return 1
        print(inspect.getsource(f), inspect.getfile(f), inspect.getmodule(f))
        """,
    "fork": """
        import os, sys
        pid = os.fork()
        if pid == 0:
            raise ValueError('in the child')
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """,
    "multiprocessing fork": """
        import multiprocessing
        def double(x):
            return 2 * x
        if __name__ == '__main__':
            with multiprocessing.get_context('fork').Pool(2) as pool:
                print(pool.map(double, range(5)))
        """,
    "multiprocessing spawn": """
        import multiprocessing, sys
        print(__name__, ascii(sys.argv[1:]), flush=True)
        def double(x):
            return 2 * x
        if __name__ == '__main__':
            with multiprocessing.get_context('spawn').Pool(1) as pool:
                print(pool.map(double, range(5)))
        """,
    "multiprocessing forkserver": """
        from concurrent.futures import ProcessPoolExecutor
        import multiprocessing
        def double(x):
            return 2 * x
        if __name__ == '__main__':
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('forkserver')) as pool:
                print(list(pool.map(double, range(5))))
        """,
    "exception in a pool": """
        from concurrent.futures import ThreadPoolExecutor
        def fail(x):
            raise ValueError(x)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(fail, [1]))
        """,
    "asyncio": "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    raise ValueError\nasyncio.run(f())",
    "closes every descriptor": "import os\nos.closerange(3, 4096)\nprint(open(__file__).fileno())\n1 / 0",
    "ends by exec": "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'print(1); 1 / 0'])",
    "unflushed output": "import sys\nsys.stdout.write('no newline')",
    "globals at shutdown": "class A:\n    def __del__(self):\n        print('gone', __name__)\na = A()",
}

LATIN = "# -*- coding: latin-1 -*-\nprint('caf\u00e9')\n".encode("latin-1")
BYTE_ORDER_MARK = "\ufeffprint('caf\u00e9')\n".encode()
BYTES = {"latin-1": LATIN, "byte order mark": BYTE_ORDER_MARK, "carriage returns": b"print(1)\r\nprint(2)\r\n1/0\r\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "broken_module.py").write_text("def f(:\n    pass\n")
    (tmp_path / "beside.py").write_text("def fail():\n    raise RuntimeError('beside')\n")
    return tmp_path


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_is_the_same_through_the_bootstrap(name: str, folder: Path):
    (folder / "script.py").write_text(textwrap.dedent(SCRIPTS[name]))
    arguments = ["one", "--two", "dr\u00e9i", "\U0001f600", "'\"\\\n", "not text: \udce9"]
    assert_same(["script.py", *arguments], folder, stdin=b"Ada\nsecond\nthird\nfourth")


@pytest.mark.parametrize("name", BYTES)
def test_source_bytes_are_read_as_python_reads_them(name: str, folder: Path):
    (folder / "script.py").write_bytes(BYTES[name])
    assert_same(["script.py"], folder)


@pytest.mark.parametrize("path", ["script.py", "./script.py", "sub/../script.py", ".//script.py", "link.py"])
def test_path_as_typed(path: str, folder: Path):
    (folder / "sub").mkdir()
    (folder / "elsewhere").mkdir()
    source = "import sys\nprint(sys.argv, sys.path[0], __file__, __loader__)\n1 / 0\n"
    (folder / "script.py").write_text(source)
    (folder / "elsewhere" / "target.py").write_text(source)
    (folder / "link.py").symlink_to("elsewhere/target.py")
    assert_same([path], folder)


SHOW = """
import sys, os
for name, value in list(globals().items()):
    print(name, value)
print(sys.argv, sys.orig_argv, sys.path, list(sys.modules))
if len(sys.argv) > 1:
    raise ValueError(sys.argv[1])
"""


@pytest.mark.parametrize("argv", [[], ["one"]])
@pytest.mark.parametrize(
    "module", ["package", "package.inner", "beside", "no_such_module", "broken_module", "package.no"]
)
def test_module(module: str, argv: list[str], folder: Path):
    package = folder / "package"
    package.mkdir()
    (package / "__init__.py").write_text("print('package imported')\n")
    (package / "__main__.py").write_text(SHOW)
    (package / "inner.py").write_text("from . import other\n" + SHOW)
    (package / "other.py").write_text("")
    assert_same(["-m", module, *argv], folder)


@pytest.mark.parametrize("argv", [[], ["one"]])
def test_folder_with_main(argv: list[str], folder: Path):
    (folder / "program").mkdir()
    (folder / "program" / "__main__.py").write_text("import helper\n" + SHOW)
    (folder / "program" / "helper.py").write_text("")
    assert_same(["program", *argv], folder)


@pytest.mark.parametrize("name", ["program.zip", "program"])
def test_zip_with_main(name: str, folder: Path):
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("__main__.py", "import helper\n" + SHOW)
        archive.writestr("helper.py", "")
    assert_same([name, "one"], folder)


def test_multiprocessing_spawn_from_a_package(folder: Path):
    (folder / "package").mkdir()
    (folder / "package" / "inner.py").write_text(textwrap.dedent(SCRIPTS["multiprocessing spawn"]))
    assert_same(["-m", "package.inner"], folder)


def test_safe_path(folder: Path):
    (folder / "script.py").write_text("import sys\nprint(sys.path)\nimport beside\n")
    assert_same(["script.py"], folder, PYTHONSAFEPATH="1")


@pytest.mark.parametrize(
    ("source", "reported"),
    [
        ("raise ValueError('text')", ["ValueError: text"]),
        ("raise LookupError", ["LookupError"]),
        ("import json\njson.loads('[')", ["json.decoder.JSONDecodeError: Expecting value: line 1 column 2 (char 1)"]),
        ("class Mine(Exception): pass\nraise Mine(1)", ["Mine: 1"]),
        ("import broken_module", ["SyntaxError: invalid syntax"]),
        ("raise KeyboardInterrupt", ["KeyboardInterrupt"]),
        ("print(1)", []),
        ("import sys; sys.exit(2)", []),
        ("import os; os._exit(2)", []),
        ("import os\nif os.fork() == 0:\n    raise ValueError\nos.wait()", []),
        ("import os\nos.closerange(3, 4096)\nf = open('mine', 'wb')\nos.dup2(f.fileno(), 1000)\n1 / 0", []),
    ],
)
def test_last_line_of_the_exception_reaches_the_host(source: str, reported: list[str], folder: Path):
    (folder / "script.py").write_text(source)
    assert assert_same(["script.py"], folder) == reported
    assert not (folder / "mine").exists() or (folder / "mine").read_bytes() == b""
