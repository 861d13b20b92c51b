"""Cross-validate a ridge regression with NumPy.

BLAS already computes on every core, so that workers on top of it get in its way; kept to one thread, it leaves the
cores to workers, which use them better.

expect: function=fold_error bound=cpu-bound detail=native backend=threads|processes workers=1c..1c measured=yes
"""

import numpy as np

SAMPLES, FEATURES, FOLDS = 3000, 400, 20


def data():
    dice = np.random.default_rng(3)
    inputs = dice.standard_normal((SAMPLES, FEATURES))
    truth = dice.standard_normal(FEATURES)
    return inputs, inputs @ truth + dice.standard_normal(SAMPLES)


def fold_error(inputs, targets, fold):
    """Mean squared error on fold number `fold` of a model fitted to the others."""
    held_out = np.arange(len(targets)) % FOLDS == fold
    seen, seen_targets = inputs[~held_out], targets[~held_out]
    left, values, right = np.linalg.svd(seen, full_matrices=False)
    weights = right.T @ ((values / (values**2 + 1.0)) * (left.T @ seen_targets))
    return float(np.mean((inputs[held_out] @ weights - targets[held_out]) ** 2))


def main():
    inputs, targets = data()
    errors = []
    for fold in range(FOLDS):
        errors.append(fold_error(inputs, targets, fold))
    print(f"mean squared error {np.mean(errors):.3f} +- {np.std(errors):.3f}")


if __name__ == "__main__":
    main()
