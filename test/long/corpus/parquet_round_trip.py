# Write Parquet and read it again.
# needs: pyarrow
# result: [{"t":"2024-01-01T00:00:00","v":1.5},{"t":"2024-01-02T00:00:00","v":null}]
# file: data.parquet application/vnd.apache.parquet
import pandas as pd

def main():
    df = pd.DataFrame({"t": pd.date_range("2024-01-01", periods=2), "v": [1.5, None]})
    df.to_parquet("data.parquet")
    return pd.read_parquet("data.parquet")
