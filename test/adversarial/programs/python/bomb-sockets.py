# tries: to fill the buffers of as many sockets as it can open
# expect: resource_limit_exceeded/memory | success
# within: 5s
import socket


def main(**_):
    kept = []
    try:
        while True:
            pair = socket.socketpair()
            kept.append(pair)
            for end in pair:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 26)
                end.setblocking(False)
                try:
                    while True:
                        end.send(b"x" * 65536)
                except BlockingIOError:
                    pass
    except OSError:
        pass
    return len(kept)
