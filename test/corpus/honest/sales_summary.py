import pandas as pd

def main():
    df = pd.DataFrame({
        "region": ["North", "South", "North", "East", "South"],
        "units": [10, 20, 15, 5, 30],
        "price": [2.5, 3.0, 2.5, 4.0, 3.0],
    })
    df["revenue"] = df["units"] * df["price"]
    summary = df.groupby("region")["revenue"].agg(["sum", "mean"]).round(2)
    return summary.reset_index().to_dict(orient="records")
