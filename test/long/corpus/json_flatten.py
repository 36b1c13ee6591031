# Flatten nested records into a table.
# arguments: {"data": [{"user": "ann", "address": {"city": "Bonn"}, "orders": [{"id": 1, "sum": 3}, {"id": 2, "sum": 4}]}]}
# result: [{"id":1,"sum":3,"user":"ann","address.city":"Bonn"},{"id":2,"sum":4,"user":"ann","address.city":"Bonn"}]
import pandas as pd

def main(data):
    return pd.json_normalize(data, "orders", ["user", ["address", "city"]])
