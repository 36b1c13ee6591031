# An Excel file with two sheets, read again.
# needs: openpyxl
# result: [{"name":"x","n":1},{"name":"y","n":2}]
# file: report.xlsx application/vnd.openxmlformats-officedocument.spreadsheetml.sheet
import pandas as pd

def main():
    a = pd.DataFrame({"name": ["x", "y"], "n": [1, 2]})
    with pd.ExcelWriter("report.xlsx", engine="openpyxl") as writer:
        a.to_excel(writer, sheet_name="data", index=False)
        a.describe().to_excel(writer, sheet_name="summary")
    return {name: df for name, df in pd.read_excel("report.xlsx", sheet_name=None).items()}["data"]
