# Dummy columns and the mean of each category.
# result: {"dummies":[{"S":1,"M":0,"L":0},{"S":0,"M":0,"L":1},{"S":1,"M":0,"L":0}],"means":{"S":2.0,"L":2.0},"max":"L"}
import pandas as pd

def main():
    df = pd.DataFrame({"size": pd.Categorical(["S", "L", "S"], categories=["S", "M", "L"], ordered=True), "n": [1, 2, 3]})
    return {
        "dummies": pd.get_dummies(df["size"], dtype=int),
        "means": df.groupby("size", observed=True)["n"].mean(),
        "max": df["size"].max(),
    }
