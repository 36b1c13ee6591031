import matplotlib.pyplot as plt
import numpy as np

def main():
    data = np.random.default_rng(0).normal(size=500)
    fig, axes = plt.subplots(1, 2, figsize=(6, 3))
    counts, edges, _ = axes[0].hist(data, bins=10)
    axes[1].boxplot(data)
    for i, name in enumerate(["png", "pdf"]):
        fig.savefig(f"artifacts/plot_{i}.{name}")
    return int(counts.sum())
