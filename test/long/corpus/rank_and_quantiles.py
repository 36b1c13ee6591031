# Ranks, quartiles and outliers.
# arguments: {"values": [1, 2, 3, 4, 5, 6, 7, 100]}
# result: {"quartiles":["low","low","mid","mid","high","high","top","top"],"rank":[8,7,6,5,4,3,2,1],"outliers":[100],"skew":2.8089}
import pandas as pd

def main(values):
    s = pd.Series(values)
    q1, q3 = s.quantile([0.25, 0.75])
    iqr = q3 - q1
    return {
        "quartiles": pd.qcut(s, 4, labels=["low", "mid", "high", "top"]).astype(str),
        "rank": s.rank(ascending=False).astype(int),
        "outliers": s[(s < q1 - 1.5 * iqr) | (s > q3 + 1.5 * iqr)].tolist(),
        "skew": s.skew().round(4),
    }
