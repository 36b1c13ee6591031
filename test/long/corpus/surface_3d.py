# A surface in three dimensions, saved and shown.
# result: [25,16.0]
# file: surface.svg image/svg+xml
# file: figure-1.png image/png
import numpy as np
import matplotlib.pyplot as plt

def main():
    fig = plt.figure(figsize=(5, 4))
    ax = fig.add_subplot(111, projection="3d")
    x, y = np.meshgrid(range(5), range(5))
    ax.plot_surface(x, y, x * y, cmap="viridis")
    ax.set_title("三维 −1")
    plt.savefig("surface.svg")
    plt.show()
    return [x.size, float((x * y).max())]
