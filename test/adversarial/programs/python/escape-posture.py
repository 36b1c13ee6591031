# tries: what amicontained asks: capabilities, seccomp, namespaces, runtime; nothing may be loose
# expect: success {"capabilities": [], "no_new_privs": "1", "uid_map_whole": false, "lsm": ""}
# within: 5s
import os


def main(**_):
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
    try:
        with open("/proc/self/attr/current") as file:
            lsm = file.read()
    except OSError:
        lsm = ""
    return {
        "capabilities": [k for k, v in status.items() if k.startswith("Cap") and int(v, 16)],
        "no_new_privs": status.get("NoNewPrivs", "1"),
        "uid_map_whole": os.getuid() == 0,
        "lsm": lsm,
    }
