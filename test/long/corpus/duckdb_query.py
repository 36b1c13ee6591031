# SQL on a table with duckdb.
# needs: duckdb
# result: [{"city":"A","n":4},{"city":"B","n":2}]
import duckdb
import pandas as pd

def main():
    sales = pd.DataFrame({"city": ["A", "B", "A"], "n": [1, 2, 3]})
    return duckdb.sql("SELECT city, SUM(n)::INT AS n FROM sales GROUP BY city ORDER BY city").df()
