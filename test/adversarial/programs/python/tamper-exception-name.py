# tries: to fail with an error whose name is megabytes long
# expect: program_error | resource_limit_exceeded/output
# within: 5s


def main(**_):
    raise type("E" * (2 << 20), (Exception,), {})
