"""Bad input: a clear line, the right exit code, and nothing lost or left behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from commands import HOT, Command

pytestmark = pytest.mark.realtime

LINUX = pytest.mark.skipif("sys.platform != 'linux'")


@pytest.fixture
def command(tmp_path: Path, environment: dict[str, str]) -> Command:
    return Command(tmp_path, environment)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.py", None, "no such file: none.py"),
        ("binary.py", b"\x7fELF\0\0", "not Python source"),
        ("shell.sh", b"#!/bin/sh\nfor i in 1 2; do echo $i; done\n", "shell.sh:2: invalid syntax"),
        ("wrong.py", b"def f(:\n  pass\n", "wrong.py:1: invalid syntax"),
    ],
)
def test_what_is_no_script_is_refused_in_one_message(command: Command, name: str, content: bytes | None, said: str):
    if content is not None:
        (command.folder / name).write_bytes(content)
    ended = command.run(name)
    assert (ended.code, ended.out, ended.clean) == (2, "", True)
    assert said in ended.err
    assert ("--python" in ended.err) == ("syntax" in said)  # it may be written for another Python
    assert "Traceback" not in ended.err


def test_an_interpreter_that_is_none_is_refused_in_few_lines(command: Command):
    ended = command.run("--python", "/bin/ls", command.script("1"))
    assert (ended.code, ended.clean) == (2, True)
    assert "does not answer as a Python interpreter" in ended.err
    assert len(ended.err) < 1000


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("raise ValueError('at the end')", 1, "ValueError: at the end"),
        ("sys.exit(3)", 3, None),
        ("sys.exit('some text')", 1, "some text"),
        ("os.abort()", 134, None),
        ("os.kill(os.getpid(), 9)", 137, None),
    ],
)
def test_a_script_that_fails_is_advised_on_what_ran(command: Command, end: str, status: int, said: str | None):
    ended = command.run("--json", "a.json", command.script(f"{HOT}busy()\n{end}\n"))
    assert (ended.code, ended.clean) == (4, True)
    advice = json.loads((command.folder / "a.json").read_text())
    assert advice["script"]["exit_code"] == status
    assert advice["sites"]
    if said is not None:
        assert ended.err.count(said) == 1
    if status > 128:
        assert signal.Signals(status - 128).name in advice["script"]["error"]
        assert "could not be recorded" in advice["verdict"]


def test_a_script_that_leaves_in_the_middle_is_not_called_done(command: Command):
    ended = command.run(command.script(HOT + "busy()\nos._exit(0)\n"))
    assert (ended.code, ended.clean) == (5, True)
    assert "could not be recorded" in " ".join(ended.out.split())


def test_a_script_that_lacks_its_arguments(command: Command):
    text = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('must')\nparser.parse_args()\n"
    ended = command.run(command.script(text))
    assert (ended.code, ended.clean) == (4, True)
    assert ended.err.count("the following arguments are required: must") == 1


def test_a_script_that_takes_5_ms_runs_once(command: Command):
    ended = command.run(command.script("open('runs', 'a').write('x')\n"))
    assert (ended.code, ended.clean) == (5, True)
    assert "ADV404" in ended.out
    assert (command.folder / "runs").read_text() == "x"


@pytest.mark.parametrize("given", ["pipe", "file", "closed"])
def test_standard_input_reaches_both_runs(command: Command, given: str):
    read = "text = sys.stdin.read() if sys.stdin else 'none'\nopen('read', 'a').write(text + '|')\nbusy()\n"
    script = command.script(HOT + read)
    if given == "pipe":
        ended = command.run(script, given="words")
    elif given == "file":
        (command.folder / "input").write_text("words")
        with (command.folder / "input").open() as file:
            ended = command.run(script, stdin=file)
    else:
        ended = command.run(script, stdin=None, preexec_fn=lambda: os.close(0))
    assert ended.clean
    word = "none" if given == "closed" else "words"
    assert (command.folder / "read").read_text() == f"{word}|" * 2


def test_closed_outputs_are_closed_to_the_script_and_take_nothing_of_ours(command: Command):
    script = command.script("import sys\nopen('streams', 'w').write(f'{sys.stdout} {sys.stderr}')\n")
    ended = command.run(script, preexec_fn=lambda: (os.close(1), os.close(2)))
    assert (ended.code, ended.clean) == (5, True)
    assert (command.folder / "streams").read_text() == "None None"
    assert (command.folder / "reports/script.html").exists()


def test_much_output_goes_through_once(command: Command):
    ended = command.run("--quiet", command.script(HOT + "busy()\nfor _ in range(500):\n    print('x' * 99_999)\n"))
    assert ended.clean
    assert ended.out.count("x" * 99_999 + "\n") == 500


@pytest.mark.parametrize("name", ["doctor.py", "a b é.py", "-x.py"])
def test_odd_names(command: Command, name: str):
    ended = command.run("--", command.script("1", name))
    assert (ended.code, ended.clean) == (5, True)
    assert (command.folder / "reports" / name.replace(".py", ".html")).exists()


def test_a_script_that_deletes_its_own_folder(command: Command):
    folder = command.folder / "own"
    folder.mkdir()
    away = "import shutil\nos.chdir('/')\nshutil.rmtree(os.path.dirname(__file__))\n"
    (folder / "s.py").write_text(f"{HOT}busy()\n{away}")
    ended = command.run(str(folder / "s.py"))
    assert ended.clean
    assert ended.code in (0, 5)
    assert (command.folder / "reports/s.html").exists()


def test_a_working_folder_that_is_gone(command: Command):
    gone = command.folder / "gone"
    gone.mkdir()
    script, out = str(command.folder / command.script("1")), str(command.folder / "out")
    ended = command.run("--output", out, script, cwd=gone, preexec_fn=gone.rmdir)
    assert (ended.code, ended.clean) == (2, True)
    assert "the working folder is gone" in ended.err


@pytest.mark.parametrize("output", ["file", "file/below"])
def test_a_report_folder_that_cannot_be_runs_nothing(command: Command, output: str):
    (command.folder / "file").write_text("kept")
    ended = command.run("--output", output, command.script("open('ran', 'w')\n"))
    assert (ended.code, ended.clean) == (2, True)
    assert not (command.folder / "ran").exists()
    assert (command.folder / "file").read_text() == "kept"


@LINUX
def test_a_device_for_the_advice_file_is_written_to_and_stays(command: Command):
    device = command.folder / "device"
    device.symlink_to("/dev/full")
    ended = command.run("--json", "device", command.script("1"))
    assert (ended.code, ended.clean) == (2, True)
    assert "No space left on device" in ended.err
    assert device.is_symlink()
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_a_link_to_the_advice_file_is_followed(command: Command):
    (command.folder / "real.json").write_text("")
    (command.folder / "link.json").symlink_to("real.json")
    assert command.run("--json", "link.json", command.script("1")).clean
    assert (command.folder / "link.json").is_symlink()
    assert json.loads((command.folder / "real.json").read_text())["schema"] == "advice/1"


def test_without_the_right_to_look_there_is_a_full_report(command: Command):
    (command.folder / "bin").mkdir()
    refusing = command.folder / "bin/py-spy"
    refusing.write_text("#!/bin/sh\necho 'Permission Denied: try sudo' >&2\nexit 1\n")
    refusing.chmod(0o755)
    (command.folder / "bin/python").symlink_to(sys.executable)  # py-spy is looked for beside the interpreter
    code = "import sys; sys.executable = sys.argv[1]; from advisor.cli import main; sys.exit(main(sys.argv[2:]))"
    script = command.script(HOT + "busy()\n")
    arguments = ["--python", sys.executable, "--budget", "1", "--json", "a.json", script]
    started = subprocess.Popen(
        [sys.executable, "-c", code, str(command.folder / "bin/python"), *arguments],
        cwd=command.folder, env=command.environment, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    ended = command.end(started)
    assert ended.clean
    advice = json.loads((command.folder / "a.json").read_text())
    assert "ADV403" in [finding["code"] for finding in advice["findings"]]
    assert "try sudo" in ended.out
    assert advice["sites"]


def test_nobody_reads_standard_output_and_the_report_is_written(command: Command):
    read_end, write_end = os.pipe()
    os.close(read_end)
    ended = command.run("--quiet", command.script("1"), stdout=write_end)
    os.close(write_end)
    assert (ended.code, ended.clean, ended.err) == (5, True, "")
    assert (command.folder / "reports/script.html").exists()


def test_two_at_once_on_one_script(command: Command):
    script = command.script("1")
    first, second = command.start(script), command.start(script)
    assert {command.end(first).code, command.end(second).code} <= {0, 5}
    assert list(command.temporary.iterdir()) == []
    assert {each.name for each in (command.folder / "reports").iterdir()} == {"index.html", "script.html"}
