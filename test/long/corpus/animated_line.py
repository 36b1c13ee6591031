# A small animation as a GIF.
# result: 3
# file: line.gif image/gif
import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation, PillowWriter

def main():
    fig, ax = plt.subplots()
    line, = ax.plot([0, 1])
    frames = 3
    FuncAnimation(fig, lambda n: line.set_ydata([0, n]), frames=frames).save("line.gif", writer=PillowWriter(fps=5))
    return frames
