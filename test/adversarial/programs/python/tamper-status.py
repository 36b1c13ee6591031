# tries: to be called a success and to run on
# expect: success null
# within: 5s
# artifacts: none
import os


def main(**_):
    os.write(200, b"\0")
    while True:
        pass
