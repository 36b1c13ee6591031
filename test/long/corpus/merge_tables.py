# Join orders with customers, left and right.
# result: {"merged":[{"order":10,"id":1,"total":5.0,"name":"Ann","_merge":"both"},{"order":11,"id":1,"total":7.5,"name":"Ann","_merge":"both"},{"order":12,"id":4,"total":1.0,"name":null,"_merge":"left_only"}],"no_order":{"1":"Bob","2":"Cy"}}
import pandas as pd

def main():
    customers = pd.DataFrame({"id": [1, 2, 3], "name": ["Ann", "Bob", "Cy"]})
    orders = pd.DataFrame({"order": [10, 11, 12], "id": [1, 1, 4], "total": [5.0, 7.5, 1.0]})
    merged = orders.merge(customers, on="id", how="left", indicator=True)
    no_order = customers[~customers["id"].isin(orders["id"])]
    return {"merged": merged, "no_order": no_order["name"]}
