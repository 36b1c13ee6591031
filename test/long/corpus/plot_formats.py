# The same plot as PNG, SVG, PDF and JPEG.
# result: ["plot.jpg","plot.pdf","plot.png","plot.svg"]
# file: plot.png image/png
# file: plot.svg image/svg+xml
# file: plot.pdf application/pdf
# file: plot.jpg image/jpeg
import os
import matplotlib.pyplot as plt

def main():
    os.makedirs("charts", exist_ok=True)
    fig, ax = plt.subplots()
    ax.plot(range(5), [n ** 2 for n in range(5)])
    for ext in ("png", "svg", "pdf", "jpg"):
        fig.savefig(f"charts/plot.{ext}")
    plt.close(fig)
    return sorted(os.listdir("charts"))
