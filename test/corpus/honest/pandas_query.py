import pandas as pd

def main(threshold=50):
    df = pd.DataFrame({"a": range(5), "b": [10, 60, 70, 20, 90]})
    df = df.rename(columns={"b": "score"})
    df = df.eval("double = score * 2")
    big = df.query("score > @threshold")
    df.drop(columns=["a"]).to_csv("artifacts/scores.csv", index=False)
    return big["double"].tolist()
