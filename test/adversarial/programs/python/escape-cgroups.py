# tries: to leave its limits by way of cgroups: release_agent, devices.allow, a cgroup of its own
# expect: success []
# within: 5s
import os


def main(**_):
    done = []
    for top, folders, files in os.walk("/sys/fs/cgroup"):
        for name in files:
            try:
                with open(f"{top}/{name}", "w") as file:
                    file.write("/tmp/adversary")
                done.append(f"{top}/{name}")
            except OSError:
                pass
    for parent in ["/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/rdma", "/sys/fs"]:
        try:
            os.mkdir(f"{parent}/adversary")
            done.append(parent)
        except OSError:
            pass
    with open("/proc/self/cgroup") as file:
        if "executor" in file.read():
            done.append("names of cgroups")
    return done
