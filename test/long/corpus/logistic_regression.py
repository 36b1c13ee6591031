# Train a classifier and tell how good it is.
# needs: sklearn
# result: {"good":true,"rows":45,"classes":["0","1","2"]}
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, classification_report
from sklearn.model_selection import train_test_split

def main():
    X, y = load_iris(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=42, stratify=y)
    model = LogisticRegression(max_iter=500).fit(X_train, y_train)
    predicted = model.predict(X_test)
    report = classification_report(y_test, predicted, output_dict=True)
    return {"good": accuracy_score(y_test, predicted) > 0.9, "rows": len(y_test), "classes": sorted(k for k in report if k.isdigit())}
