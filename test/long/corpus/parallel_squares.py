# Squares by a pool of processes, and by threads.
# arguments: {"numbers": [1, 2, 3]}
# result: {"same":true,"squares":[1,4,9]}
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import os

def square(n):
    return n * n

def main(numbers):
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        a = list(pool.map(square, numbers))
    with ThreadPoolExecutor() as pool:
        b = list(pool.map(square, numbers))
    return {"same": a == b, "squares": a}
