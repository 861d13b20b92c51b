"""Answer a page of sales questions from an SQLite file, a connection a question.

It looks like waiting for a database, but the file is in the page cache and SQLite computes in C without the GIL.

expect: function=revenue bound=cpu-bound detail=native backend=threads|processes workers=1c..2c measured=yes
"""

import atexit
import os
import random
import sqlite3
import tempfile

QUESTION = """
    SELECT product % 7 AS shelf, SUM(price * amount) AS revenue
    FROM sales WHERE shop = ? AND price > ? GROUP BY shelf ORDER BY revenue DESC LIMIT 3
"""


def build(path, rows=200_000):
    """Write the sales of a year."""
    dice = random.Random(7)
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE sales (shop INTEGER, product INTEGER, price REAL, amount INTEGER)")
        base.executemany(
            "INSERT INTO sales VALUES (?, ?, ?, ?)",
            ((dice.randrange(20), dice.randrange(500), dice.random() * 90, dice.randrange(1, 9)) for _ in range(rows)),
        )
    base.close()


def revenue(path, shop, floor):
    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return base.execute(QUESTION, (shop, floor)).fetchall()
    finally:
        base.close()


def main():
    handle, path = tempfile.mkstemp(suffix=".sqlite")
    os.close(handle)
    atexit.register(os.remove, path)
    build(path)
    best = 0.0
    for shop in range(20):
        for floor in range(0, 80, 10):
            best = max(best, *(amount for _, amount in revenue(path, shop, floor)))
    print(f"best shelf sold for {best:.0f}")


if __name__ == "__main__":
    main()
