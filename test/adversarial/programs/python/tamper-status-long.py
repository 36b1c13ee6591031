# tries: to pass the limit of the control stream by way of the exit code's pipe, and to hang the supervisor
# expect: program_error | resource_limit_exceeded/output
# within: 5s
# artifacts: none
import os


def main(**_):
    os.set_blocking(200, False)
    for _ in range(100):
        try:
            os.write(200, b"\0" + b"\xff" * 65535)
        except BlockingIOError:
            pass
    while True:
        pass
