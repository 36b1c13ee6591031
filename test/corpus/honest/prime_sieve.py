import math

def main(limit=50):
    sieve = [True] * (limit + 1)
    sieve[0:2] = [False, False]
    for i in range(2, math.isqrt(limit) + 1):
        if sieve[i]:
            sieve[i * i :: i] = [False] * len(range(i * i, limit + 1, i))
    return [i for i, is_prime in enumerate(sieve) if is_prime]
