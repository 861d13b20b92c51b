"""Sixty-four threads on pure Python: the GIL lets one of them run at a time.

expect: function=longest_chain bound=lock-wait detail=gil backend=processes workers=1c..2c measured=yes findings=ADV101
"""

from concurrent.futures import ThreadPoolExecutor


def longest_chain(low, high):
    """Return the start below `high` of the longest Collatz chain, and its length."""
    best = (0, 0)
    for start in range(low, high):
        number, length = start, 1
        while number != 1:
            number = number // 2 if number % 2 == 0 else 3 * number + 1
            length += 1
        best = max(best, (length, start))
    return best


def main():
    starts = range(1, 256_001, 2000)
    with ThreadPoolExecutor(64) as pool:
        chains = list(pool.map(longest_chain, starts, [start + 2000 for start in starts]))
    length, start = max(chains)
    print(f"the chain of {start} has {length} steps")


if __name__ == "__main__":
    main()
