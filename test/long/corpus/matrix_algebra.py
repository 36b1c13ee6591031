# Determinant, inverse, eigenvalues.
# arguments: {"m": [[2, 1], [1, 3]]}
# result: {"det":5.0,"inverse":[[0.6,-0.2],[-0.2,0.4]],"eigenvalues":[1.381966,3.618034],"rank":2}
import numpy as np

def main(m):
    a = np.array(m, dtype=float)
    return {
        "det": round(np.linalg.det(a), 6),
        "inverse": np.linalg.inv(a).round(6),
        "eigenvalues": np.sort(np.linalg.eigvals(a).real).round(6),
        "rank": np.linalg.matrix_rank(a),
    }
