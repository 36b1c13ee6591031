# Do two groups differ? A t-test and its effect size.
# arguments: {"a": [5.1, 4.9, 6.2, 5.7, 5.5], "b": [6.5, 6.8, 7.1, 6.0, 7.4]}
# result: {"t":-3.8419,"p":0.005,"d":-2.4298,"significant":true}
import numpy as np
from scipy import stats

def main(a, b):
    t, pvalue = stats.ttest_ind(a, b, equal_var=False)
    pooled = np.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 2)
    return {"t": round(t, 4), "p": round(pvalue, 4), "d": round((np.mean(a) - np.mean(b)) / pooled, 4), "significant": pvalue < 0.05}
