# tries: to take all memory in one huge array
# expect: resource_limit_exceeded/memory
# within: 5s
import numpy


def main(**_):
    return float(numpy.ones((400, 1 << 20)).sum())
