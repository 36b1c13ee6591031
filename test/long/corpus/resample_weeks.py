# Daily values as weekly sums.
# result: {"2024-01-07T00:00:00":21,"2024-01-14T00:00:00":70}
import pandas as pd

def main():
    idx = pd.date_range("2024-01-01", periods=14, freq="D")
    s = pd.Series(range(14), index=idx)
    return s.resample("W").sum()
