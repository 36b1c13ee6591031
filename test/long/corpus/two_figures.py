# Two figures, each shown by itself.
# result: null
# file: figure-1.png image/png
# file: figure-2.png image/png
import matplotlib.pyplot as plt

def main():
    plt.plot([1, 2, 3], [1, 4, 9], "o-")
    plt.title("Squares")
    plt.show()
    plt.plot([1, 2, 3], [1, 8, 27], "s--")
    plt.title("Cubes")
    plt.show()
