# A moving average and an exponential one.
# arguments: {"values": [10, 12, 11, 15, 20]}
# result: {"moving":[null,null,11.0,12.666666666666666,15.333333333333334],"exponential":[10.0,11.0,11.0,13.0,16.5],"change":[null,0.2,-0.0833,0.3636,0.3333]}
import pandas as pd

def main(values, window=3):
    s = pd.Series(values, dtype=float)
    return {
        "moving": s.rolling(window).mean().tolist(),
        "exponential": s.ewm(span=window, adjust=False).mean().round(4).tolist(),
        "change": s.pct_change().round(4),
    }
