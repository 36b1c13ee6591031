# A report as CSV, JSON, Markdown and HTML.
# result: [{"item":"pen","price":1.5,"since":"2024-01-01T00:00:00"},{"item":"ink","price":4.25,"since":"2024-06-01T00:00:00"}]
# file: items.csv text/csv
# file: items.json application/json
# file: items.html text/html
# file: items.md text/markdown
import json
import pandas as pd

def main():
    df = pd.DataFrame({"item": ["pen", "ink"], "price": [1.5, 4.25], "since": pd.to_datetime(["2024-01-01", "2024-06-01"])})
    df.to_csv("items.csv", index=False)
    df.to_json("items.json", orient="records", date_format="iso")
    df.to_html("items.html", index=False)
    with open("items.md", "w") as f:
        f.write("| item | price |\n|---|---|\n")
        for row in df.itertuples():
            f.write(f"| {row.item} | {row.price:.2f} |\n")
    return df
