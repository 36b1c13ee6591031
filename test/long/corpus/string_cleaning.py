# Clean phone numbers and prices.
# result: [{"phone":"03012345","price":1200.5},{"phone":"03099","price":30.0}]
import pandas as pd

def main():
    df = pd.DataFrame({"phone": ["(030) 123-45", " 030/99 "], "price": ["$1,200.50", "€ 30"]})
    df["phone"] = df["phone"].str.replace(r"\D", "", regex=True)
    df["price"] = df["price"].str.replace(r"[^\d.]", "", regex=True).astype(float)
    return df
