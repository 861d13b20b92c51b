"""The header of every sample says what `advise` must answer, in words the advice can be compared with."""

from __future__ import annotations

import ast
import typing
from pathlib import Path

import pytest
from sample_header import parse, read_header, samples

from advisor.model.site import BoundName, Detail, SafetyStatus
from advisor.model.trial import Backend

GOOD = "function=f bound=mixed detail=network|python backend=serial workers=1..2c measured=no"


@pytest.mark.parametrize("sample", samples(), ids=lambda path: path.stem)
class TestEverySample:
    def test_speaks_the_words_of_the_advice(self, sample: Path) -> None:
        expected = read_header(sample)
        assert expected.bound <= set(typing.get_args(BoundName))
        assert expected.detail <= set(typing.get_args(Detail))
        assert expected.backend <= set(typing.get_args(Backend))
        assert expected.safety <= set(typing.get_args(SafetyStatus))

    def test_names_a_function_of_its_own(self, sample: Path) -> None:
        tree = ast.parse(sample.read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert read_header(sample).function in functions

    def test_serial_is_one_worker(self, sample: Path) -> None:
        expected = read_header(sample)
        assert (expected.backend == {"serial"}) == (expected.workers == ("1", "1"))

    def test_tells_its_idea_first(self, sample: Path) -> None:
        docstring = ast.get_docstring(ast.parse(sample.read_text(encoding="utf-8")))
        assert docstring is not None
        assert docstring.splitlines()[0].endswith(".")


def test_there_is_a_sample_for_each_idea() -> None:
    assert len(samples()) == 13


def test_guarded_and_unguarded_scripts_are_both_there() -> None:
    guarded = {"__main__" in sample.read_text(encoding="utf-8").split('"""', 2)[2] for sample in samples()}
    assert guarded == {True, False}


def test_a_range_counts_usable_cpus() -> None:
    expected = parse(GOOD)
    assert expected.allows_workers(8, usable_cpus=4.0)
    assert not expected.allows_workers(9, usable_cpus=4.0)
    assert expected.allows_workers(2, usable_cpus=1.5)
    assert not expected.allows_workers(3, usable_cpus=1.5)


def test_alternatives_and_codes_are_sets() -> None:
    expected = parse(f"{GOOD} findings=ADV101,ADV201")
    assert expected.detail == {"network", "python"}
    assert expected.findings == {"ADV101", "ADV201"}
    assert expected.safety == frozenset()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("bound=mixed", "missing: backend, detail, function, measured, workers"),
        (f"{GOOD} speed=9", "unknown: speed"),
        (f"{GOOD} loose", "not name=value: loose"),
        (GOOD.replace("1..2c", "8..2"), "an empty range of workers: 8..2"),
    ],
)
def test_a_header_with_a_fault_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(text)


def test_a_sample_without_a_header_is_refused(tmp_path: Path) -> None:
    sample = tmp_path / "plain.py"
    sample.write_text('"""Nothing."""\n')
    with pytest.raises(ValueError, match=r"plain\.py: one line starts with 'expect:', not 0"):
        read_header(sample)
