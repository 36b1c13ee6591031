# Derivative, integral and roots.
# needs: sympy
# result: {"roots":[1,2,3],"derivative":"3*x**2 - 12*x + 11","integral":"-9/4","exact":"1/3"}
import sympy as sp

def main():
    x = sp.symbols("x")
    f = x ** 3 - 6 * x ** 2 + 11 * x - 6
    return {"roots": [int(r) for r in sp.solve(f, x)], "derivative": str(sp.diff(f, x)), "integral": str(sp.integrate(f, (x, 0, 1))), "exact": sp.Rational(1, 3)}
