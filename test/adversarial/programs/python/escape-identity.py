# tries: to become root: setuid calls, setuid programs, file capabilities, a SUID shell of its own
# expect: success []
# within: 5s
import ctypes
import os
import shutil
import stat

libc = ctypes.CDLL(None, use_errno=True)


def main(**_):
    became = []
    for call in ["setuid", "setgid", "seteuid", "setegid"]:
        if getattr(libc, call)(0) == 0:
            became.append(call)
    if libc.setresuid(0, 0, 0) == 0 or libc.setgroups(1, (ctypes.c_uint * 1)(0)) == 0:
        became.append("setres")
    if libc.capset((ctypes.c_uint * 2)(0x20080522, 0), (ctypes.c_uint * 6)(*[2**32 - 1] * 6)) == 0:
        became.append("capset")
    if libc.prctl(47, 2, 21, 0, 0) == 0:  # an ambient CAP_SYS_ADMIN
        became.append("ambient")
    if libc.prctl(38, 0, 0, 0, 0) == 0:
        became.append("new privileges")
    for folder in ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec"]:
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            path = f"{folder}/{name}"
            if os.lstat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
                became.append(path)
    shutil.copy("/bin/sh", "/tmp/adversary-sh")
    os.chmod("/tmp/adversary-sh", 0o6755)
    try:
        os.chown("/tmp/adversary-sh", 0, 0)
        became.append("chown")
    except OSError:
        pass
    return became
