# Compare three groups, and which is highest.
# arguments: {"groups": {"a": [1, 2, 3], "b": [2, 3, 4], "c": [7, 8, 9]}}
# result: {"F":31.0,"p":0.00069,"best":"c"}
from scipy import stats

def main(groups):
    f, p = stats.f_oneway(*groups.values())
    means = {name: sum(v) / len(v) for name, v in groups.items()}
    return {"F": round(float(f), 3), "p": round(float(p), 5), "best": max(means, key=means.get)}
