# Four kinds of plots in one figure, shown.
# result: 4
# file: figure-1.png image/png
import numpy as np
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

def main():
    x = np.linspace(0, 2 * np.pi, 100)
    fig, axes = plt.subplots(2, 2, figsize=(10, 8))
    axes[0, 0].plot(x, np.sin(x), label="sin")
    axes[0, 0].legend()
    axes[0, 1].scatter(x, np.cos(x), c=x, cmap="viridis", s=10)
    axes[1, 0].pie([30, 50, 20], labels=["a", "b", "c"], autopct="%1.1f%%")
    axes[1, 1].boxplot([np.sin(x), np.cos(x)])
    fig.suptitle("Overview")
    plt.tight_layout(rect=[0, 0, 1, 0.96])
    plt.show()
    return len(fig.axes)
