from concurrent.futures import ThreadPoolExecutor, as_completed

def square(n):
    return n * n

def main(numbers=(1, 2, 3, 4)):
    results = {}
    with ThreadPoolExecutor(max_workers=2) as executor:
        futures = {executor.submit(square, n): n for n in numbers}
        for future in as_completed(futures):
            results[futures[future]] = future.result()
    return dict(sorted(results.items()))
