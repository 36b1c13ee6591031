# An Excel file with a chart.
# needs: xlsxwriter
# result: "done"
# file: chart.xlsx application/vnd.openxmlformats-officedocument.spreadsheetml.sheet
import xlsxwriter

def main():
    book = xlsxwriter.Workbook("chart.xlsx")
    sheet = book.add_worksheet("Sales")
    sheet.write_column("A1", [3, 1, 2])
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=Sales!$A$1:$A$3"})
    sheet.insert_chart("C2", chart)
    book.close()
    return "done"
