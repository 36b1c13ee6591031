# tries: to reach the manager, the host, metadata services and the outside
# expect: success []
# within: 5s
import socket

ADDRESSES = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"]
ADDRESSES += ["10.0.0.1", "172.17.0.1", "192.168.0.1", "127.0.0.11", "8.8.8.8", "224.0.0.1"]
SIX = ["::1", "fd00:ec2::254", "fe80::1%1", "2001:4860:4860::8888", "::ffff:169.254.169.254"]


def main(manager_port):
    reached = []
    for address in [*ADDRESSES, "127.0.0.1", "0.0.0.0", "127.1.2.3", *SIX]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for port in [80, 443, 22, 53, 2375, 6443, 9385, 10250, manager_port]:
            with socket.socket(family, socket.SOCK_STREAM) as connection:
                connection.settimeout(0.1)
                try:
                    connection.connect((address, port))
                    reached.append([address, port])
                except OSError:
                    pass
    for address in [a for a in ADDRESSES if not a.startswith("127.")]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            try:
                datagrams.sendto(b"x", (address, 53))
                reached.append([address, "udp"])
            except OSError:
                pass
    return reached + [name for _, name in socket.if_nameindex() if name != "lo"]
