"""Convert millions of temperatures, one call each.

A call costs less than handing it to a worker, at any chunk size.

expect: function=fahrenheit bound=cpu-bound detail=python backend=serial workers=1..1 measured=yes
"""


def fahrenheit(celsius):
    return celsius * 1.8 + 32.0


def main():
    hottest = -1000.0
    for reading in range(10_000_000):
        hottest = max(hottest, fahrenheit(reading % 900 / 20))
    print(f"hottest {hottest:.2f} F")


if __name__ == "__main__":
    main()
