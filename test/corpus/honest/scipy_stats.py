import numpy as np
from scipy import stats, optimize

def main():
    a = np.array([5.1, 4.9, 5.0, 5.2])
    b = np.array([6.1, 5.9, 6.0, 6.2])
    t, p = stats.ttest_ind(a, b)
    best = optimize.minimize_scalar(lambda x: (x - 2) ** 2)
    return {"significant": bool(p < 0.05), "best": round(float(best.x), 3)}
