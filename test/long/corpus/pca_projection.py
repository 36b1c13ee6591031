# Two components of many columns.
# needs: sklearn
# result: {"explained":[0.362,0.192],"columns":13}
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

def main():
    data = load_wine(as_frame=True)
    pca = PCA(n_components=2).fit(StandardScaler().fit_transform(data.data))
    return {"explained": pca.explained_variance_ratio_.round(3), "columns": data.data.shape[1]}
