# Exact solutions, returned as sympy gives them.
# needs: sympy
# result: {"roots":["-sqrt(2)","sqrt(2)"],"sum":3,"third":"1/3","slope":"cos(x)","matrix":[[1,"x"]],"true":true}
import sympy as sp

def main():
    x = sp.symbols("x")
    return {
        "roots": sp.solve(x**2 - 2, x),
        "sum": sp.Integer(1) + 2,
        "third": sp.Rational(1, 3),
        "slope": sp.diff(sp.sin(x)),
        "matrix": sp.Matrix([[1, x]]),
        "true": sp.true,
    }
