import io
import pandas as pd

CSV = """date,product,qty
2024-01-01,apple,3
2024-01-01,pear,2
2024-01-02,apple,5
"""

def main():
    df = pd.read_csv(io.StringIO(CSV), parse_dates=["date"])
    table = df.pivot_table(index="date", columns="product", values="qty", fill_value=0)
    table.index = table.index.strftime("%Y-%m-%d")
    return table.to_dict()
