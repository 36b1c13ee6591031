# Shortest path and centrality of a graph.
# needs: networkx
# arguments: {"edges": [["a", "b", 1], ["b", "c", 1], ["c", "d", 1], ["a", "d", 5]]}
# result: {"path":["a","b","c","d"],"degree":{"a":2,"b":2,"c":2,"d":2}}
# file: figure-1.png image/png
import networkx as nx
import matplotlib.pyplot as plt

def main(edges):
    g = nx.Graph()
    g.add_weighted_edges_from(edges)
    nx.draw_networkx(g, pos=nx.spring_layout(g, seed=1))
    plt.show()
    return {"path": nx.shortest_path(g, "a", "d", weight="weight"), "degree": dict(g.degree())}
