# Hyperparameters of a forest by cross validation, on all processors.
# needs: sklearn
# result: {"best":{"max_depth":3},"params":[{"max_depth":2},{"max_depth":3}],"good":true}
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV

def main():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(RandomForestClassifier(10, random_state=0), {"max_depth": [2, 3]}, n_jobs=-1, cv=3)
    search.fit(X, y)
    return {"best": search.best_params_, "params": search.cv_results_["params"], "good": search.best_score_ > 0.9}
