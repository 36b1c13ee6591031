# Load rows into SQLite and query them.
# arguments: {"rows": [{"city": "Rome", "amount": 5}, {"city": "Oslo", "amount": 9}, {"city": "Rome", "amount": 6}]}
# result: [{"city":"Rome","total":11},{"city":"Oslo","total":9}]
# file: shop.db application/vnd.sqlite3
import sqlite3
import pandas as pd

def main(rows):
    con = sqlite3.connect("shop.db")
    pd.DataFrame(rows).to_sql("sales", con, index=False)
    top = pd.read_sql_query("SELECT city, SUM(amount) AS total FROM sales GROUP BY city ORDER BY total DESC", con)
    con.close()
    return top
