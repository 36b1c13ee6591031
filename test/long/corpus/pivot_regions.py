# A pivot table with totals, as CSV.
# result: [{"region":"N","a":1,"b":2,"All":3},{"region":"S","a":3,"b":9,"All":12},{"region":"All","a":4,"b":11,"All":15}]
# file: pivot.csv text/csv
# stdout: "product  a   b  All"
import pandas as pd

def main():
    df = pd.DataFrame({
        "region": ["N", "N", "S", "S", "S"],
        "product": ["a", "b", "a", "b", "b"],
        "qty": [1, 2, 3, 4, 5],
    })
    table = pd.pivot_table(df, values="qty", index="region", columns="product", aggfunc="sum", margins=True)
    table.to_csv("pivot.csv")
    print(table)
    return table
