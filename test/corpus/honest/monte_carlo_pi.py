import random
import statistics
import time

def estimate(samples, rng):
    inside = sum(rng.random() ** 2 + rng.random() ** 2 <= 1 for _ in range(samples))
    return 4 * inside / samples

def main(samples=2000, runs=5):
    start = time.perf_counter()
    rng = random.Random(1)
    estimates = [estimate(samples, rng) for _ in range(runs)]
    return {"ok": abs(statistics.mean(estimates) - 3.14) < 0.2, "fast": time.perf_counter() - start < 60}
