# tries: to open sockets that see or forge packets, or that reach beside the network
# expect: success []
# within: 5s
import socket

FAMILIES = {"AX25": 3, "KEY": 15, "PACKET": 17, "BLUETOOTH": 31, "ALG": 38, "NFC": 39, "VSOCK": 40}
FAMILIES |= {"KCM": 41, "QIPCRTR": 42, "SMC": 43, "XDP": 44, "TIPC": 30, "CAN": 29, "RDS": 21}


def main(**_):
    opened = []
    for name, family in FAMILIES.items():
        for kind in [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET]:
            try:
                socket.socket(family, kind, 0).close()
                opened.append(name)
            except OSError:
                pass
    for family in [socket.AF_INET, socket.AF_INET6]:
        for protocol in [0, 1, 6, 17, 58, 255]:
            try:
                socket.socket(family, socket.SOCK_RAW, protocol)
                opened.append(f"raw {protocol}")
            except OSError:
                pass
    return opened
