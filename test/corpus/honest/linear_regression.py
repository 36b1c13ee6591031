import numpy as np

class LinearRegression:
    def fit(self, x, y):
        x = np.column_stack([np.ones(len(x)), x])
        self.coef_, *_ = np.linalg.lstsq(x, y, rcond=None)
        return self

    def predict(self, x):
        return self.coef_[0] + self.coef_[1] * np.asarray(x)

    def eval(self, x, y):
        return float(np.mean((self.predict(x) - y) ** 2))

def main():
    rng = np.random.default_rng(42)
    x = np.linspace(0, 10, 50)
    y = 3 * x + 2 + rng.normal(0, 0.1, 50)
    model = LinearRegression().fit(x, y)
    return {"slope": round(float(model.coef_[1]), 1), "good": model.eval(x, y) < 0.1}
