# Describe a table of numbers.
# arguments: {"rows": [{"age": 20, "pay": 1000.5}, {"age": 30, "pay": 2000}, {"age": 40, "pay": null}]}
# result: [{"index":"count","age":3.0,"pay":2.0},{"index":"mean","age":30.0,"pay":1500.25},{"index":"std","age":10.0,"pay":706.753},{"index":"min","age":20.0,"pay":1000.5},{"index":"25%","age":25.0,"pay":1250.375},{"index":"50%","age":30.0,"pay":1500.25},{"index":"75%","age":35.0,"pay":1750.125},{"index":"max","age":40.0,"pay":2000.0}]
import pandas as pd

def main(rows):
    df = pd.DataFrame(rows)
    return df.describe().round(3)
