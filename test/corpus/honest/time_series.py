import pandas as pd
import numpy as np
import matplotlib.pyplot as plt

def main():
    index = pd.date_range("2024-01-01", periods=30, freq="D")
    series = pd.Series(np.arange(30), index=index)
    weekly = series.resample("W").mean()
    fig, ax = plt.subplots()
    series.plot(ax=ax, label="daily")
    series.rolling(7).mean().plot(ax=ax, label="7 days")
    ax.legend()
    fig.savefig("artifacts/series.svg")
    return [round(v, 2) for v in weekly.tolist()]
