# tries: to nest folders without end, for whoever has to walk them
# expect: resource_limit_exceeded/time | resource_limit_exceeded/memory | program_error
# within: 5s
import os


def main(**_):
    os.chdir("artifacts")
    while True:
        os.mkdir("adversary")
        os.chdir("adversary")
