# tries: to hold as many TCP connections over loopback as it can, with full buffers
# expect: resource_limit_exceeded/memory | resource_limit_exceeded/time | success
# within: 5s
import socket


def main(**_):
    listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
    kept = []
    try:
        while True:
            one = socket.create_connection(listener.getsockname(), timeout=0.2)
            other, _ = listener.accept()
            kept += [one, other]
            one.setblocking(False)
            try:
                while True:
                    one.send(b"x" * 65536)
            except BlockingIOError:
                pass
    except OSError:
        pass
    return len(kept)
