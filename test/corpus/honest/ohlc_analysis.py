import pandas as pd

def main():
    df = pd.DataFrame({"open": [1.0, 2.0, 3.0], "close": [2.0, 1.5, 3.5]})
    open, close = df["open"], df["close"]
    change = (close - open) / open * 100
    df["signal"] = change.apply(lambda x: "up" if x > 0 else "down")
    return {"mean_open": open.mean(), "signals": df["signal"].tolist()}
