"""Let heat spread over a plate, step by step.

Each step needs the result of the one before: there is nothing to run side by side.

expect: function=relax bound=cpu-bound detail=python backend=serial workers=1..1 measured=no safety=dependent
"""

SIZE = 120


def plate():
    """A cold plate with one hot edge."""
    return [[100.0] * SIZE] + [[0.0] * SIZE for _ in range(SIZE - 1)]


def relax(heat):
    """Return the plate after one step: inside, the mean of the four neighbours."""
    inside = range(1, SIZE - 1)
    after = [heat[0]]
    for row in inside:
        above, here, below = heat[row - 1], heat[row], heat[row + 1]
        middle = [(above[x] + below[x] + here[x - 1] + here[x + 1]) / 4 for x in inside]
        after.append([here[0], *middle, here[-1]])
    after.append(heat[-1])
    return after


def main():
    heat = plate()
    for _ in range(1200):
        heat = relax(heat)
    print(f"{heat[SIZE // 8][SIZE // 2]:.3f} degrees an eighth of the way in")


if __name__ == "__main__":
    main()
