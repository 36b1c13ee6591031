# A regression with confidence intervals.
# needs: statsmodels
# result: {"params":{"const":1.014,"x":1.998},"r2":0.9999}
# stdout: "OLS Regression Results"
import numpy as np
import pandas as pd
import statsmodels.api as sm

def main():
    x = np.arange(20, dtype=float)
    df = pd.DataFrame({"x": x, "y": 2 * x + 1 + np.where(x % 2 == 0, 0.1, -0.1)})
    model = sm.OLS(df["y"], sm.add_constant(df[["x"]])).fit()
    print(model.summary())
    return {"params": model.params.round(3), "r2": round(model.rsquared, 4)}
