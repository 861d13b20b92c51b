"""What recording costs where there is most to record: millions of turns and calls that take next to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from advised import TIMEOUT_S, advice_on

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(2 * TIMEOUT_S + 10)]

TIMES = 8
"""Run 2 over run 1, start-up and all; a Python call for every turn made it twenty times as long."""

SCRIPTS = {
    "a generator": "print(sum(i * i for i in range(12_000_000)))",
    "a list": "print(len([i * i for i in range(8_000_000)]))",
    "a generator in forked processes": """\
        import multiprocessing
        def work(k):
            total = sum(i * i for i in range(1_500_000 + k))
        if __name__ == "__main__":
            for start in range(0, 8, 4):
                processes = [multiprocessing.Process(target=work, args=(start + k,)) for k in range(4)]
                for process in processes: process.start()
                for process in processes: process.join()
        """,
    "calls in forked processes": """\
        import multiprocessing
        def square(i):
            return i * i
        def work(k):
            total = 0
            for i in range(2_000_000):
                total += square(i)
        if __name__ == "__main__":
            processes = [multiprocessing.Process(target=work, args=(k,)) for k in range(4)]
            for process in processes: process.start()
            for process in processes: process.join()
        """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_short_turns_and_calls_are_recorded_at_a_bearable_cost(
    name: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    cost = advice_on(SCRIPTS[name], tmp_path, environment, budget_s="1")["cost"]
    assert cost["record_s"] <= TIMES * cost["observe_s"], cost
