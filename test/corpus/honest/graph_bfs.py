from collections import defaultdict, deque
import heapq

def dijkstra(graph, start):
    distances = {start: 0}
    queue = [(0, start)]
    while queue:
        distance, node = heapq.heappop(queue)
        for neighbor, weight in graph[node]:
            candidate = distance + weight
            if candidate < distances.get(neighbor, float("inf")):
                distances[neighbor] = candidate
                heapq.heappush(queue, (candidate, neighbor))
    return distances

def main():
    graph = defaultdict(list)
    for a, b, w in [("A", "B", 1), ("B", "C", 2), ("A", "C", 5)]:
        graph[a].append((b, w))
        graph[b].append((a, w))
    order, queue = ["A"], deque(["A"])
    while queue:
        for neighbor, _ in graph[queue.popleft()]:
            if neighbor not in order:
                order.append(neighbor)
                queue.append(neighbor)
    return {"bfs": order, "dijkstra": dijkstra(graph, "A")}
