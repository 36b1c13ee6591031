# tries: to find files of the host, of the project, or of whoever runs it
# expect: success []
# within: 5s
import os

NAMES = """/root /home/* /work /srv/* /opt/* /mnt/* /media/* /boot/vmlinuz /var/lib/docker /var/lib/kubelet
/var/lib/executor-manager /var/log/syslog /var/log/auth.log /etc/hostname /etc/machine-id /etc/shadow
/etc/ssh /etc/kubernetes /var/run/secrets /.dockerenv /run/.containerenv /run/secrets
/root/.ssh /root/.aws /root/.bash_history /var/lib/cloud /etc/executor-manager.env""".split()


def main(**_):
    found = []
    for name in NAMES:
        folder = name.removesuffix("/*")
        try:
            with_content = os.listdir(folder) if os.path.isdir(folder) else open(folder).read()
            if with_content:
                found.append(name)
        except OSError:
            pass
    # One name server for all sandboxes, which is nobody's host.
    if open("/etc/resolv.conf").read() != "nameserver 198.19.255.53\n":
        found.append("/etc/resolv.conf")
    return found
