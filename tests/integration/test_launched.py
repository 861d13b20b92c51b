"""Run 1 as a user meets it: what is typed or piped in, Ctrl-C and signals, and how the end is told."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

import advisor

TIMEOUT_S = 20
PACKAGE_FOLDER = Path(advisor.__path__[0]).parent

# Runs a script twice as `advise` does, without recorders, and prints how it ended.
HOST = """
import json, sys
from advisor.model.target import Target
from advisor.observe.launch import gate_config, launch
from advisor.observe.signals import orderly_end
from advisor.observe.stdin import keep_stdin

target = Target(python=sys.executable, script=sys.argv[1])
stdin = keep_stdin()
for turn in (1, 2):
    with orderly_end(), stdin.supply() as descriptor:
        launched = launch(target, descriptor)
        try:
            launched.open_gate(gate_config(target))
            ended, wall_s, usage = launched.wait()
        finally:
            launched.kill()
    print("ended", json.dumps([ended.code, ended.error, ended.interrupted]), flush=True)
    if ended.interrupted:
        break
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "host.py").write_text(HOST)
    return tmp_path


def host_command(folder: Path, source: str) -> list[str]:
    (folder / "script.py").write_text(textwrap.dedent(source))
    return [sys.executable, "host.py", "script.py"]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PACKAGE_FOLDER), "TERM": "dumb"}


def ends(output: str) -> list[list[object]]:
    """The [code, error, interrupted] of each run."""
    return [json.loads(line.split(" ", 1)[1]) for line in output.splitlines() if line.startswith("ended ")]


def run_host(folder: Path, source: str, **options: object) -> str:
    done = subprocess.run(  # type: ignore[call-overload]
        host_command(folder, source),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
        **options,
    )
    output: str = done.stdout
    return output


READ_ALL = "import sys\nprint('read', len(sys.stdin.readline()), len(sys.stdin.read()), sys.stdin.isatty())"


def test_piped_input_is_given_again(folder: Path):
    text = "first\n" + "x" * 500_000
    assert run_host(folder, READ_ALL, input=text).count("read 6 500000 False") == 2


def test_file_is_given_again_from_where_the_shell_left_it(folder: Path):
    (folder / "input").write_text("skipped\nfirst\nrest")
    with (folder / "input").open("rb") as file:
        file.seek(len("skipped\n"))
        assert run_host(folder, READ_ALL, stdin=file).count("read 6 4 False") == 2


def test_empty_input_stays_empty(folder: Path):
    assert run_host(folder, READ_ALL, stdin=subprocess.DEVNULL).count("read 0 0 False") == 2


def test_closed_input_stays_closed(folder: Path):
    output = run_host(folder, "import sys\nprint('read', sys.stdin)", preexec_fn=lambda: os.close(0))
    assert output.count("read None") == 2


def test_script_that_leaves_input_unread_does_not_wait_for_its_writer(folder: Path):
    reader, writer = os.pipe()
    try:
        assert run_host(folder, "print('done')", stdin=reader).count("done") == 2
    finally:
        os.close(reader)
        os.close(writer)


def test_endless_input_is_no_hindrance(folder: Path):
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as yes:
        assert run_host(folder, "print(input())", stdin=yes.stdout).count("y\n") == 2
        assert yes.stdout is not None
        yes.stdout.close()
        yes.kill()


@pytest.mark.parametrize(
    ("source", "end"),
    [
        ("print(1)", [0, None, False]),
        ("raise ValueError('text')", [1, "ValueError: text", False]),
        ("import sys; sys.exit(3)", [3, None, False]),
        ("import os; os._exit(4)", [4, None, False]),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", [139, "killed by SIGSEGV", False]),
        ("import os; os.execvp('false', ['false'])", [1, None, False]),
    ],
)
def test_end_is_told(source: str, end: list[object], folder: Path):
    assert ends(run_host(folder, source, stdin=subprocess.DEVNULL)) == [end, end]


def test_background_process_of_the_script_is_not_waited_for(folder: Path):
    source = """
        import subprocess
        child = subprocess.Popen(['sleep', '60'])
        open('pids', 'a').write(f'{child.pid} ')
        """
    began_s = time.monotonic()
    with (folder / "output").open("wb") as output:
        subprocess.run(host_command(folder, source), cwd=folder, env=environment(), stdout=output, check=True)
    assert time.monotonic() - began_s < TIMEOUT_S
    for pid in (folder / "pids").read_text().split():
        os.kill(int(pid), signal.SIGKILL)


def test_descriptors_the_shell_opened_reach_the_script(folder: Path):
    with (folder / "input").open("w+") as file:
        file.write("from the shell")
        file.flush()
        output = run_host(folder, f"import os\nprint(os.pread({file.fileno()}, 99, 0))", pass_fds=(file.fileno(),))
    assert output.count("from the shell") == 2


UNTIL_INTERRUPTED = """
import signal, time
{}
print('running', flush=True)
while True:
    time.sleep(0.1)
"""


@dataclass
class Session:
    """A host at a terminal of its own, typed to by the test."""

    master: int
    pid: int
    output: str = field(default="")

    def expect(self, text: str, times: int = 1) -> None:
        """Read until `text` has come `times` times."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while self.output.count(text) < times:
            ready, _, _ = select.select([self.master], [], [], deadline_s - time.monotonic())
            assert ready, f"no {text!r} in {self.output!r}"
            try:
                part = os.read(self.master, 4096)
            except OSError:
                part = b""
            assert part, f"ended without {text!r}: {self.output!r}"
            self.output += part.decode().replace("\r\n", "\n")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)


@pytest.fixture
def terminals() -> Iterator[list[Session]]:
    opened: list[Session] = []
    yield opened
    for session in opened:
        os.kill(session.pid, signal.SIGKILL)
        os.close(session.master)
        os.waitpid(session.pid, 0)


def until(found: Callable[[], bool]) -> None:
    """Wait for what another process is about to do."""
    end_s = time.monotonic() + TIMEOUT_S
    while not found():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def at_terminal(folder: Path, source: str, terminals: list[Session]) -> Session:
    command = host_command(folder, source)
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(command[0], command, environment())
    terminals.append(Session(master, pid))
    return terminals[-1]


def test_typed_lines_are_given_again(folder: Path, terminals: list[Session]):
    source = "import sys\nprint('hello', input('name? '), input('age? '), sys.stdin.isatty(), sys.stdout.isatty())"
    session = at_terminal(folder, source, terminals)
    session.expect("name? ")
    session.type("Ada\n")
    session.expect("age? ")
    session.type("36\n")
    session.expect("hello Ada 36 True True", times=2)
    session.expect("ended", times=2)
    assert session.output.startswith("name? Ada\nage? 36\nhello")  # echoed once
    assert session.echoes()


def test_end_of_typed_input(folder: Path, terminals: list[Session]):
    source = "import sys\nprint('ready', flush=True)\nprint('read', repr(sys.stdin.read()))"
    session = at_terminal(folder, source, terminals)
    session.expect("ready")
    session.type("one\ntwo")
    session.type("\x04\x04")
    session.expect("read 'one\\ntwo'", times=2)
    session.expect("ended", times=2)


def test_keys_without_return(folder: Path, terminals: list[Session]):
    source = """
        import os, sys, termios, tty
        before = termios.tcgetattr(0)
        tty.setcbreak(0)
        print('press', flush=True)
        key = os.read(0, 3)
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        print('pressed', key)
        """
    session = at_terminal(folder, source, terminals)
    session.expect("press")
    until(lambda: not session.echoes())  # the change of modes is carried over within some ms
    session.type("\x1b[A")
    session.expect("pressed b'\\x1b[A'", times=2)
    session.expect("ended", times=2)
    assert session.echoes()


def test_password_asked_at_the_terminal_itself(folder: Path, terminals: list[Session]):
    source = "import getpass\nprint('got', getpass.getpass('password: '))\nprint('line', input('more? '))"
    session = at_terminal(folder, source, terminals)
    session.expect("password: ")
    session.type("secret\n")
    session.expect("more? ")
    session.type("text\n")
    session.expect("line text")
    assert session.output.index("got secret") < session.output.index("line text")


def test_script_that_reads_more_the_second_time_is_told_the_end(folder: Path, terminals: list[Session]):
    source = """
        import os
        print(input('first? '))
        if os.path.exists('second'):
            print(input('second? '))
        open('second', 'w')
        """
    session = at_terminal(folder, source, terminals)
    session.expect("first? ")
    session.type("one\n")
    session.expect("EOFError")
    session.expect("ended", times=2)


def test_line_editing_of_the_script(folder: Path, terminals: list[Session]):
    source = """
        import readline
        print('hello', input('name? '))
        """
    session = at_terminal(folder, source, terminals)
    session.expect("name? ")
    until(lambda: not session.echoes())  # readline edits the line itself
    session.type("Adx\x7fa\n")
    session.expect("hello Ada", times=2)
    session.expect("ended", times=2)
    assert session.echoes()


def test_control_c_ends_the_script_and_not_the_host(folder: Path, terminals: list[Session]):
    session = at_terminal(folder, UNTIL_INTERRUPTED.format(""), terminals)
    session.expect("running\n")
    session.type("\x03")
    session.expect('ended [130, "KeyboardInterrupt", true]\n')
    assert session.echoes()


def test_control_c_that_the_script_survives(folder: Path, terminals: list[Session]):
    source = """
        import time
        try:
            print('running', flush=True)
            while True:  # a signal just before a sleep begins is heard only after it
                time.sleep(0.1)
        except KeyboardInterrupt:
            time.sleep(1)
            print('cleaned up')
        """
    session = at_terminal(folder, source, terminals)
    session.expect("running\n")
    session.type("\x03")
    session.expect("cleaned up\nended [0, null, true]\n")


def test_control_c_again_and_again_ends_a_deaf_script(folder: Path, terminals: list[Session]):
    deaf = """
import os
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: os.write(1, f'deaf to {number} '.encode()))
"""
    session = at_terminal(folder, UNTIL_INTERRUPTED.format(deaf), terminals)
    session.expect("running\n")
    session.type("\x03")
    session.expect("deaf to 2 ")
    while "deaf to 15 " not in session.output:  # presses within a few ms may count as one
        session.type("\x03")
        time.sleep(0.2)
        session.expect("deaf to 2 ", times=session.output.count("deaf to 2 ") + 1)
    session.type("\x03")
    session.expect('ended [137, "killed by SIGKILL", true]')


@pytest.fixture
def host(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A host without a terminal, in a session of its own, whose script and its child run until interrupted."""
    note = """
import os, subprocess
child = subprocess.Popen(['sleep', '60'])
open('pids', 'w').write(f'{os.getpid()} {child.pid}')
signal.signal(signal.SIGINT, lambda *got: (child.kill(), signal.default_int_handler(*got)))
"""
    process = subprocess.Popen(
        host_command(folder, UNTIL_INTERRUPTED.format(note)),
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    yield process
    process.stdout.close()
    process.kill()
    process.wait()


def test_interrupt_sent_to_the_host_alone_is_passed_on(host: subprocess.Popen[str]):
    host.send_signal(signal.SIGINT)
    output, _ = host.communicate(timeout=TIMEOUT_S)
    assert ends(output) == [[130, "KeyboardInterrupt", True]]


def is_running(pid: int) -> bool:
    """False for a process that is gone, or dead and only waits to be reaped by its new parent."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_host_that_is_told_to_end_takes_the_script_along(number: int, host: subprocess.Popen[str], folder: Path):
    host.send_signal(number)
    assert host.wait(TIMEOUT_S) == 128 + number
    for pid in (folder / "pids").read_text().split():
        until(lambda pid=int(pid): not is_running(pid))
