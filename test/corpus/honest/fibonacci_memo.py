from functools import lru_cache
import sys

sys.setrecursionlimit(5000)

@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def main(n=50):
    print(f"Python {sys.version_info.major}.{sys.version_info.minor}", file=sys.stderr)
    return fib(n)
