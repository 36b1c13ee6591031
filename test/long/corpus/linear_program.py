# How much of two products to make.
# result: {"profit":400.0,"plan":[4.0,8.0]}
from scipy.optimize import linprog

def main():
    res = linprog(c=[-40, -30], A_ub=[[1, 1], [2, 1]], b_ub=[12, 16], bounds=[(0, None)] * 2)
    return {"profit": round(-res.fun, 6), "plan": res.x.round(6)}
