"""Whether base could run as it was meant to, told from what it asks for and what is installed."""

from __future__ import annotations

import pytest
from checked import FINGERPRINT

from advisor.gate.requirements import unmet

# installed: CPython 3.11.7, numpy 2.1.0, requests 2.32.3


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("requirements.txt", "numpy==1.26.4\n", "base asks for numpy==1.26.4 in requirements.txt, 2.1.0 is installed"),
        ("requirements.txt", "numpy==1.26.4 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n", "numpy==1.26.4 in"),
        ("requirements/base.txt", "numpy<2 # for tables\n", "numpy<2 in requirements/base.txt, 2.1.0 is installed"),
        ("pyproject.toml", '[project]\ndependencies = ["requests<2.30"]\n', "requests<2.30"),
        ("pyproject.toml", '[project]\nrequires-python = "<3.11"\n', "another Python: base asks for <3.11"),
        (".python-version", "3.9\n", "another Python: base asks for ==3.9.*"),
        (".python-version", "3.11.4\n", "another Python: base asks for ==3.11.4"),
    ],
)
def test_what_base_asks_for_and_is_not_there_is_said(file: str, text: str, said: str):
    found = unmet({file: text}, FINGERPRINT)
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("requirements.txt", "numpy>=1.26\nRequests==2.32.3\n"),
        (
            "requirements.txt",
            "# a comment\n-r other.txt\n--index-url https://example.org/simple\n./local\n\nnumpy --hash=sha256:00\n",
        ),
        ("requirements.txt", 'pywin32 ; sys_platform == "win32"\ntomli ; python_version < "3.11"\n'),
        ("pyproject.toml", '[project]\nrequires-python = ">=3.9"\ndependencies = ["numpy"]\n'),
        ("pyproject.toml", "this is [not TOML"),
        ("pyproject.toml", "project = 3\n"),
        (".python-version", "3.11\n"),
        (".python-version", "my-environment\n"),
        ("uv.lock", "[[package]]\nname = 'numpy'\nversion = '1.0'\n"),
    ],
)
def test_what_is_met_or_says_nothing_keeps_nobody_from_comparing(file: str, text: str):
    assert unmet({file: text}, FINGERPRINT) == ()
