# How many of each month's new users come back.
# result: [{"cohort":"2024-01","0":2,"1":1,"2":1},{"cohort":"2024-02","0":2,"1":1,"2":0}]
import pandas as pd

def main():
    visits = pd.DataFrame({
        "user": [1, 1, 2, 2, 3, 3, 4],
        "month": pd.PeriodIndex(["2024-01", "2024-02", "2024-01", "2024-03", "2024-02", "2024-03", "2024-02"], freq="M"),
    })
    first = visits.groupby("user")["month"].transform("min")
    visits["cohort"] = first.astype(str)
    visits["age"] = [(m - f).n for m, f in zip(visits["month"], first)]
    return visits.pivot_table(index="cohort", columns="age", values="user", aggfunc="nunique", fill_value=0).astype(int)
