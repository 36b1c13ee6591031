# A growth curve by a differential equation.
# result: 99.914
# file: growth.png image/png
import numpy as np
from scipy.integrate import solve_ivp
import matplotlib.pyplot as plt

def main(r=0.5, k=100):
    sol = solve_ivp(lambda t, y: r * y * (1 - y / k), (0, 20), [5], t_eval=np.linspace(0, 20, 50), rtol=1e-8)
    plt.plot(sol.t, sol.y[0])
    plt.axhline(k, ls="--")
    plt.savefig("growth.png")
    return round(sol.y[0, -1], 3)
