# Rows that are made one by one.
# arguments: {"n": 3}
# result: [{"row":1,"square":1},{"row":2,"square":4},{"row":3,"square":9}]
def main(n):
    for i in range(1, n + 1):
        yield {"row": i, "square": i * i}
