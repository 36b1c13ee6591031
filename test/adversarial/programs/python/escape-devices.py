# tries: to open the machine's memory, disks, ports and devices, or to make nodes for them
# expect: success []
# within: 5s
import fcntl
import os
import stat

NODES = {"mem": (1, 1), "kmsg": (1, 11), "sda": (8, 0), "vda": (252, 0), "loop0": (7, 0)}
NAMES = "mem kmem port kmsg sda vda nvme0n1 loop0 loop-control kvm vhost-net"
NAMES += " mapper/control snapshot cpu/0/msr rtc0 nvidia0 dri/card0 uinput vsock btrfs-control"


def main(**_):
    got = []
    for name in NAMES.split():
        for mode in [os.O_RDONLY, os.O_RDWR]:
            try:
                os.open(f"/dev/{name}", mode)
                got.append(name)
            except OSError:
                pass
    for name, (major, minor) in NODES.items():
        for kind in [stat.S_IFBLK, stat.S_IFCHR]:
            path = f"/tmp/adversary-{name}-{kind}"
            try:
                os.mknod(path, 0o666 | kind, os.makedev(major, minor))
                os.open(path, os.O_RDWR)
                got.append(path)
            except OSError:
                pass
    # gVisor shows these; what they are for needs a capability.
    try:
        fcntl.ioctl(os.open("/dev/net/tun", os.O_RDWR), 0x400454CA, b"tun0".ljust(16, b"\0") + b"\1\0" * 12)
        got.append("tun")
    except OSError:
        pass
    return got
