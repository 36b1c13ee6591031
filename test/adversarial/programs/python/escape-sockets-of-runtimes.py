# tries: to find the socket of a container runtime or of anything else of the host
# expect: success []
# within: 5s
import os
import socket
import stat

NAMES = """/var/run/docker.sock /run/docker.sock /run/containerd/containerd.sock /run/podman/podman.sock
/var/run/crio/crio.sock /run/systemd/private /run/dbus/system_bus_socket /run/snapd.socket
/run/user/0/bus /run/executor-manager /run/runsc /var/run/runsc /run/udev/control""".split()


def main(**_):
    found = [name for name in NAMES if os.path.lexists(name)]
    for top, _, files in os.walk("/", followlinks=False):
        if top.startswith("/proc"):
            continue
        for name in files:
            path = os.path.join(top, name)
            try:
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    found.append(path)
            except OSError:
                pass
    with open("/proc/net/unix") as file:
        found += [line.split()[-1] for line in file if "/" in line or "@" in line]
    for name in ["/containerd-shim/moby/x", "/tmp/dbus", "docker", "/tmp/.X11-unix/X0"]:
        try:
            socket.socket(socket.AF_UNIX).connect("\0" + name)
            found.append(name)
        except OSError:
            pass
    return found
