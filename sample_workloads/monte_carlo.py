"""Price an option by simulating its stock, in pure Python.

The GIL is held all the time: threads would take turns, processes share the cores.

expect: function=mean_payoff bound=cpu-bound detail=python backend=processes workers=1c..2c measured=yes
"""

import math
import random
import statistics

START_PRICE, STRIKE, RATE, VOLATILITY = 100.0, 105.0, 0.03, 0.2


def mean_payoff(seed, paths=2500, steps=24):
    """Mean payoff of an average-price call over `paths` random walks of one year."""
    dice = random.Random(seed)
    drift = (RATE - VOLATILITY**2 / 2) / steps
    noise = VOLATILITY / math.sqrt(steps)
    total = 0.0
    for _ in range(paths):
        price = START_PRICE
        running = 0.0
        for _ in range(steps):
            price *= math.exp(drift + noise * dice.gauss(0.0, 1.0))
            running += price
        total += max(running / steps - STRIKE, 0.0)
    return math.exp(-RATE) * total / paths


def main():
    estimates = [mean_payoff(seed) for seed in range(64)]
    error = statistics.stdev(estimates) / math.sqrt(len(estimates))
    print(f"price {statistics.mean(estimates):.3f} +- {error:.3f}")


if __name__ == "__main__":
    main()
