# What the columns of a table are, and values of many types in it.
# result: {"types":{"d":"datetime64[ns]","c":"category","i":"Int64"},"rows":[{"d":"2024-01-31T00:00:00","c":"x","i":1},{"d":null,"c":"y","i":null}],"months":["2024-01","2024-02"],"counts":{"a":2,"b":1}}
import pandas as pd

def main():
    table = pd.DataFrame({
        "d": pd.to_datetime(["2024-01-31", None]),
        "c": pd.Categorical(["x", "y"]),
        "i": pd.array([1, None], dtype="Int64"),
    })
    months = pd.period_range("2024-01", periods=2, freq="M")
    return {"types": table.dtypes, "rows": table, "months": months, "counts": pd.Series(["a", "b", "a"]).value_counts()}
