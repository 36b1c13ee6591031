# Count missing values and fill them.
# result: {"missing":{"a":1,"b":1,"c":1},"filled":[{"a":1.0,"b":"unknown","c":"2024-01-01T00:00:00"},{"a":2.0,"b":"x","c":"2024-01-01T00:00:00"},{"a":3.0,"b":"y","c":"2024-01-03T00:00:00"}],"dtypes":3}
import numpy as np
import pandas as pd

def main():
    df = pd.DataFrame({"a": [1, np.nan, 3], "b": [None, "x", "y"], "c": pd.to_datetime(["2024-01-01", None, "2024-01-03"])})
    report = df.isna().sum()
    filled = df.assign(a=df["a"].fillna(df["a"].mean()), b=df["b"].fillna("unknown"), c=df["c"].ffill())
    return {"missing": report, "filled": filled, "dtypes": {k: str(v)[:10] for k, v in df.dtypes.items()} and len(df.dtypes)}
