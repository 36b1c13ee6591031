# An estimate of pi, and how far it is off.
# arguments: {"n": 100000}
# result: true
import numpy as np

def main(n):
    rng = np.random.default_rng(7)
    inside = (rng.random((n, 2)) ** 2).sum(axis=1) <= 1
    estimate = 4 * inside.mean()
    return abs(estimate - np.pi) < 0.05
