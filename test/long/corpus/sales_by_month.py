# Sum the sales of each month and draw them.
# result: {"2024-01":200.5,"2024-02":299.5,"2024-03":50.0}
# file: sales_by_month.png image/png
import io
import pandas as pd
import matplotlib.pyplot as plt

CSV = """date,region,amount
2024-01-05,North,120.5
2024-01-20,South,80
2024-02-03,North,200
2024-02-17,South,99.5
2024-03-01,North,50
"""

def main():
    df = pd.read_csv(io.StringIO(CSV), parse_dates=["date"])
    df["month"] = df["date"].dt.strftime("%Y-%m")
    monthly = df.groupby("month")["amount"].sum()
    fig, ax = plt.subplots(figsize=(8, 4))
    ax.bar(monthly.index, monthly.values, color="steelblue")
    ax.set_xlabel("Month")
    ax.set_ylabel("Amount")
    ax.set_title("Sales by month")
    plt.tight_layout()
    plt.savefig("sales_by_month.png", dpi=120)
    plt.close()
    return monthly
