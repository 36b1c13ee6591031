# A graph's edges, nodes and centrality as networkx gives them.
# needs: networkx
# result: {"edges":[[0,1],[1,2]],"nodes":[0,1,2],"degree":[[0,1],[1,2],[2,1]],"centrality":{"0":0.5,"1":1.0,"2":0.5},"path":[0,1,2]}
import networkx as nx

def main():
    graph = nx.path_graph(3)
    return {
        "edges": graph.edges,
        "nodes": graph.nodes,
        "degree": graph.degree,
        "centrality": nx.degree_centrality(graph),
        "path": nx.shortest_path(graph, 0, 2),
    }
