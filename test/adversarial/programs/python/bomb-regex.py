# tries: to stall in a regular expression, which holds the interpreter's lock
# expect: resource_limit_exceeded/time
# within: 5s
import re


def main(**_):
    return bool(re.match(r"(a|a)*(a|aa)+$", "a" * 60 + "b"))
