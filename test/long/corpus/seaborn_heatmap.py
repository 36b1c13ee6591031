# A heat map of correlations with seaborn.
# needs: seaborn
# result: [{"index":"a","a":1.0,"b":0.999,"c":0.996},{"index":"b","a":0.999,"b":1.0,"c":0.999},{"index":"c","a":0.996,"b":0.999,"c":1.0}]
# file: heatmap.png image/png
import numpy as np
import pandas as pd
import seaborn as sns
import matplotlib.pyplot as plt

def main():
    df = pd.DataFrame(np.arange(12).reshape(4, 3) ** 2, columns=list("abc"))
    sns.heatmap(df.corr(), annot=True, fmt=".2f", cmap="Blues")
    plt.savefig("heatmap.png", bbox_inches="tight")
    return df.corr().round(3)
