# 用中文列名做分组统计 (group a table with Chinese names).
# result: [{"城市":"上海","sum":250,"mean":250.0},{"城市":"北京","sum":150,"mean":75.0}]
# file: 汇总.csv text/csv
import pandas as pd

def main():
    数据 = pd.DataFrame({"城市": ["北京", "上海", "北京"], "销售额": [100, 250, 50]})
    汇总 = 数据.groupby("城市")["销售额"].agg(["sum", "mean"]).sort_values("sum", ascending=False)
    汇总.to_csv("汇总.csv", encoding="utf-8-sig")
    return 汇总
