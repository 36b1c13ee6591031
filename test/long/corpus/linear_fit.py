# Fit a line through points with noise taken from a formula.
# result: {"slope":3.4816,"intercept":2.266,"r2":0.9959}
import numpy as np

def main(n=50):
    x = np.linspace(0, 10, n)
    y = 3.5 * x + 2 + np.sin(x)
    slope, intercept = np.polyfit(x, y, 1)
    predicted = slope * x + intercept
    ss_res = ((y - predicted) ** 2).sum()
    ss_tot = ((y - y.mean()) ** 2).sum()
    return {"slope": slope.round(4), "intercept": intercept.round(4), "r2": np.round(1 - ss_res / ss_tot, 4)}
