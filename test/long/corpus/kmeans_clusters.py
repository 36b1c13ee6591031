# Cluster customers and draw the clusters.
# needs: sklearn
# result: [30,30,30]
# file: clusters.png image/png
import numpy as np
import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

def main():
    rng = np.random.default_rng(1)
    points = np.vstack([rng.normal(c, 0.2, (30, 2)) for c in ((0, 0), (5, 5), (0, 5))])
    labels = KMeans(n_clusters=3, n_init=10, random_state=0).fit_predict(StandardScaler().fit_transform(points))
    plt.scatter(points[:, 0], points[:, 1], c=labels)
    plt.savefig("clusters.png")
    return sorted(np.bincount(labels).tolist())
