# Which columns matter, as a bar chart.
# needs: sklearn
# result: {"first":"a","sum":1.0}
# file: figure-1.png image/png
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from sklearn.ensemble import RandomForestRegressor

def main():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    y = 5 * X["a"] + X["b"] * 0.5
    model = RandomForestRegressor(n_estimators=30, random_state=0, n_jobs=-1).fit(X, y)
    importance = pd.Series(model.feature_importances_, index=X.columns).sort_values(ascending=False)
    importance.plot.barh()
    plt.show()
    return {"first": importance.index[0], "sum": round(importance.sum(), 6)}
