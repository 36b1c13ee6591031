# Trend and season of monthly values.
# needs: statsmodels
# result: {"trend":[13.0,30.5],"season":3.0}
# file: figure-1.png image/png
import numpy as np
import pandas as pd
from statsmodels.tsa.seasonal import seasonal_decompose

def main():
    idx = pd.date_range("2020-01-01", periods=48, freq="MS")
    s = pd.Series(10 + np.arange(48) * 0.5 + 3 * np.sin(np.arange(48) * np.pi / 6), index=idx)
    parts = seasonal_decompose(s, model="additive", period=12)
    parts.plot()
    return {"trend": parts.trend.dropna().round(2).iloc[[0, -1]].tolist(), "season": round(parts.seasonal.max(), 2)}
