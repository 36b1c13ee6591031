# A grouped table with polars.
# needs: polars
# result: [{"g":"a","total":4},{"g":"b","total":2}]
import polars as pl

def main():
    df = pl.DataFrame({"g": ["a", "b", "a"], "v": [1, 2, 3]})
    return df.group_by("g").agg(pl.col("v").sum().alias("total")).sort("g")
