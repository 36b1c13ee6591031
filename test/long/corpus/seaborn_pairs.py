# Box and violin plots with seaborn.
# needs: seaborn
# result: {"Mon":6.5,"Tue":8.5,"Wed":10.5}
# file: figure-1.png image/png
import pandas as pd
import seaborn as sns
import matplotlib.pyplot as plt

def main():
    df = pd.DataFrame({"day": ["Mon", "Mon", "Tue", "Tue", "Wed", "Wed"] * 3, "tip": range(18)})
    sns.set_theme(style="whitegrid")
    fig, axes = plt.subplots(1, 2, figsize=(9, 4))
    sns.boxplot(data=df, x="day", y="tip", ax=axes[0])
    sns.violinplot(data=df, x="day", y="tip", ax=axes[1])
    plt.show()
    return df.groupby("day")["tip"].median()
