"""Twelve processes over a large table that each of them inherits.

More processes than cores gain nothing, and each one that touches the table's objects copies its pages.

expect: function=similar_readers bound=cpu-bound detail=python backend=processes workers=1c..2c measured=yes
"""

import random
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

READERS, TITLES = 6000, 2000


def table():
    """Return a reader's number -> the set of titles read."""
    dice = random.Random(5)
    return {reader: frozenset(dice.randrange(TITLES) for _ in range(60)) for reader in range(READERS)}


READ_BY = table()


def similar_readers(reader):
    """Return the reader who shares the most titles with `reader`, by Jaccard similarity."""
    mine = READ_BY[reader]
    best = (0.0, -1)
    for other, titles in READ_BY.items():
        if other != reader:
            shared = len(mine & titles)
            best = max(best, (shared / (len(mine) + len(titles) - shared), other))
    return best[1]


def main():
    with ProcessPoolExecutor(12, mp_context=get_context("fork")) as pool:
        closest = list(pool.map(similar_readers, range(360)))
    print(f"{len(set(closest))} different readers are closest to 360")


if __name__ == "__main__":
    main()
