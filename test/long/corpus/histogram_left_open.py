# A histogram that is neither saved nor shown.
# result: {"counts":[171,688,141],"inside":true}
# file: figure-1.png image/png
import numpy as np
import matplotlib.pyplot as plt

def main():
    rng = np.random.default_rng(42)
    data = rng.normal(50, 10, 1000)
    counts, edges, _ = plt.hist(data, bins=[0, 40, 60, 100], edgecolor="black")
    plt.title("Distribution")
    plt.grid(True, alpha=0.3)
    return {"counts": counts.astype(int), "inside": int(counts.sum()) <= 1000}
