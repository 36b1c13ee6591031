# Find the minimum of a function of two variables.
# result: {"x":[3.0,-1.0],"cost":5.0,"ok":true}
from scipy.optimize import minimize

def main():
    result = minimize(lambda v: (v[0] - 3) ** 2 + (v[1] + 1) ** 2 + 5, x0=[0, 0])
    return {"x": [round(float(v), 3) for v in result.x], "cost": round(float(result.fun), 3), "ok": result.success}
