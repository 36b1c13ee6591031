# A table by two keys, unstacked.
# result: {"table":[{"year":2023,"q":"Q1","v":1},{"year":2023,"q":"Q2","v":2},{"year":2024,"q":"Q1","v":3},{"year":2024,"q":"Q2","v":4}],"wide":[{"year":2023,"Q1":1,"Q2":2},{"year":2024,"Q1":3,"Q2":4}],"growth":{"Q1":2.0,"Q2":1.0}}
import pandas as pd

def main():
    df = pd.DataFrame({"year": [2023, 2023, 2024, 2024], "q": ["Q1", "Q2", "Q1", "Q2"], "v": [1, 2, 3, 4]})
    grouped = df.set_index(["year", "q"])
    return {"table": grouped, "wide": grouped["v"].unstack(), "growth": grouped["v"].unstack(0).pct_change(axis=1)[2024].round(3)}
