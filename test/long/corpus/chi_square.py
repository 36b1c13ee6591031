# A test of independence of a table of counts.
# result: {"chi2":15.0417,"p":0.00010516355403363098,"dof":1,"expected":[[20.0,20.0],[30.0,30.0]]}
import numpy as np
from scipy.stats import chi2_contingency

def main():
    chi2, p, dof, expected = chi2_contingency(np.array([[30, 10], [20, 40]]))
    return {"chi2": round(chi2, 4), "p": p, "dof": dof, "expected": expected}
