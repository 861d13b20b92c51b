"""Loops recorded turn by turn for real, and replayed as the function that a turn would be."""

from __future__ import annotations

from pathlib import Path

import pytest
from staging import HYBRID, MIXES, PROCESSES, THREADS, Staged, staged

from advisor.analyse.safety import assess
from advisor.model.ledger import Ledger
from advisor.model.trial import WorkerMix

LOOP = "(loop)"
IN_A_FUNCTION = """
    def main(data, k):
        total, out = 0, []
        for x in data:  # turns
            y = x * k
            if y == 4:
                continue
            total += y
            out.append(y)
        print(total, len(out))

    main(list(range(40)), 2)
"""
AT_MODULE_LEVEL = """
    data = [{"n": n} for n in range(40)]
    counts = {}
    for row in data:  # turns
        key = row["n"] % 3
        counts[key] = counts.get(key, 0) + 1
    data = counts = None
"""
COMPREHENSION = """
    def main(k):
        return [(x * k) % 7 for x in range(60)]  # turns

    main(3)
"""
QUEUE = """
    import queue
    jobs = queue.Queue()
    for n in range(30):
        jobs.put(n)
    jobs.put(None)
    out = []
    while True:  # turns
        job = jobs.get()
        if job is None:
            break
        out.append(job * 2)
    print(len(out))
"""
CALLS = {IN_A_FUNCTION: 40, AT_MODULE_LEVEL: 40, COMPREHENSION: 60, QUEUE: 30}


@pytest.mark.parametrize("source", CALLS, ids=["function", "module", "comprehension", "queue"])
def test_turns_run_again_under_every_backend(source: str, tmp_path: Path) -> None:
    with staged(tmp_path, source) as run:
        assert run.site(LOOP).calls == CALLS[source]
        assert run.site(LOOP).pickle_error is None
        for mix in MIXES:
            trial = run.run(LOOP, mix)
            assert (trial.outcome, trial.error, trial.mismatches) == ("ok", None, 0)
        for mix in (THREADS, PROCESSES, HYBRID):
            chunked = WorkerMix(
                backend=mix.backend, processes=mix.processes, threads_per_process=mix.threads_per_process, chunk=7
            )
            assert run.run(LOOP, chunked).outcome == "ok"
        assert run.processes() == []


def status(run: Staged) -> tuple[str, str]:
    safety = assess(run.site(LOOP), Ledger(python=1.0))
    return safety.status, "; ".join(safety.reasons)


def test_turns_that_only_add_up_are_safe_for_any_workers(tmp_path: Path) -> None:
    with staged(tmp_path, IN_A_FUNCTION) as run:
        assert status(run) == ("safe", "")


def test_what_a_turn_changes_of_what_others_read_is_seen_and_named(tmp_path: Path) -> None:
    source = """
        class Model:
            def __init__(self):
                self.weights = [1.0, 2.0]
            def train(self, batch):
                self.weights[0] -= 0.1 * batch

        model = Model()
        for batch in range(10):  # turns
            model.train(batch + 1)
    """
    with staged(tmp_path, source) as run:
        found, why = status(run)
        assert found == "unsafe"
        assert "model.weights" in why


def test_a_counter_in_a_function_that_a_turn_calls_is_found(tmp_path: Path) -> None:
    source = """
        hits = 0
        def look(x):
            global hits
            if x > 1000:
                hits += 1
            return x
        out = []
        for x in range(20):  # turns
            out.append(look(x) + look(x + 1))
    """
    with staged(tmp_path, source) as run:
        found, why = status(run)
        assert (found, "global hits" in why) == ("unsafe", True)


def test_what_is_fed_in_order_is_no_sum(tmp_path: Path) -> None:
    source = """
        import hashlib
        digest = hashlib.sha256()
        for number in range(20):  # turns
            digest.update(bytes([number]))
        print(digest.hexdigest())
    """
    with staged(tmp_path, source) as run:
        found, why = status(run)
        assert found == "unsafe"
        assert "variable digest" in why


def test_what_turns_set_must_not_be_read_by_what_they_call(tmp_path: Path) -> None:
    source = """
        def before(j):
            return rows[j]
        rows = [3] * 20
        for i in range(1, 20):  # turns
            rows[i] = before(i - 1) + 1
    """
    with staged(tmp_path, source) as run:
        found, why = status(run)
        assert found == "dependent"
        assert "`rows`" in why


def test_items_changed_in_place_keep_turns_in_one_process(tmp_path: Path) -> None:
    source = """
        rows = [[n, 0] for n in range(20)]
        for row in rows:  # turns
            row[1] = row[0] * 2
        print(rows[3])
    """
    with staged(tmp_path, source) as run:
        safety = assess(run.site(LOOP), Ledger(python=1.0))
        assert (safety.status, safety.workers) == ("safe", "threads")
        assert "variable row" in safety.reasons[0]


def test_what_a_turn_writes_is_not_written_again(tmp_path: Path) -> None:
    source = """
        out = open(__file__ + ".out", "w")
        for x in range(20):  # turns
            out.write(f"{x} ")
            out.flush()
        out.close()
    """
    with staged(tmp_path, source) as run:
        found, why = status(run)
        assert found == "withheld"
        assert "script.py.out" in why


def test_what_cannot_be_sent_is_named_by_the_variable(tmp_path: Path) -> None:
    source = """
        import threading
        def main():
            lock = threading.Lock()
            out = []
            for x in range(20):  # turns
                with lock:
                    out.append(x)
        main()
    """
    with staged(tmp_path, source) as run:
        assert run.run(LOOP, THREADS).outcome == "ok"
        error = run.site(LOOP).pickle_error
        assert error is not None
        assert "lock" in error


def test_a_turn_that_raised_is_not_run_again(tmp_path: Path) -> None:
    source = """
        out = []
        for x in range(20):
            try:
                for y in [x]:  # turns
                    out.append(10 // (y - 3))
            except ZeroDivisionError:
                pass
    """
    with staged(tmp_path, source) as run:
        assert run.site(LOOP).calls == 20
        assert run.site(LOOP).sampled == 19
        assert run.run(LOOP).outcome == "ok"


def test_turns_that_get_in_each_others_way_are_found_out_by_what_they_leave(tmp_path: Path) -> None:
    source = """
        import time

        class Box:
            x = 0

        def main(box):
            out = []
            for x in range(24):  # turns
                box.x = x
                time.sleep(0.01)
                out.append(box.x)
            print(sum(out))

        main(Box())
    """
    with staged(tmp_path, source) as run:
        assert run.run(LOOP).mismatches == 0
        assert run.run(LOOP, THREADS).mismatches > 0
        assert run.run(LOOP, PROCESSES).mismatches == 0
