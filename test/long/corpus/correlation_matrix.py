# Correlate three columns and show a heat map.
# arguments: {"seed": 1}
# result: [{"index":"x","x":1.0,"twice":1.0,"minus":-1.0},{"index":"twice","x":1.0,"twice":1.0,"minus":-1.0},{"index":"minus","x":-1.0,"twice":-1.0,"minus":1.0}]
# file: figure-1.png image/png
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt

def main(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=200)
    df = pd.DataFrame({"x": x, "twice": 2 * x, "minus": -x})
    corr = df.corr().round(6)
    fig, ax = plt.subplots()
    im = ax.imshow(corr, cmap="coolwarm", vmin=-1, vmax=1)
    ax.set_xticks(range(3), corr.columns)
    ax.set_yticks(range(3), corr.columns)
    fig.colorbar(im)
    for i in range(3):
        for j in range(3):
            ax.text(j, i, f"{corr.iloc[i, j]:.2f}", ha="center", va="center")
    plt.show()
    return corr
