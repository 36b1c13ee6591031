# tries: to write to the kernel's knobs: core_pattern, sysrq, modprobe, uevent helpers and others
# expect: success []
# within: 5s
import os

KNOBS = """/proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/kernel/hotplug
/proc/sys/vm/panic_on_oom /proc/sys/vm/overcommit_memory /proc/sys/fs/binfmt_misc/register
/proc/sys/kernel/randomize_va_space /proc/sys/kernel/ns_last_pid /proc/sys/net/ipv4/ip_forward
/proc/sysrq-trigger /proc/kcore /proc/kallsyms /proc/kmsg /proc/bus/pci /proc/irq/0/smp_affinity
/proc/timer_list /proc/sched_debug /proc/1/oom_score_adj /proc/1/loginuid
/proc/self/attr/current /proc/1/attr/current /sys/kernel/uevent_helper /sys/power/state
/sys/class/vtconsole /sys/kernel/debug /sys/kernel/security /sys/firmware/efi/vars
/sys/kernel/mm/hugepages /sys/fs/bpf /sys/module /proc/acpi /proc/scsi /proc/keys""".split()


def main(**_):
    done = []
    for knob in KNOBS:
        try:
            fd = os.open(knob, os.O_WRONLY)
            os.write(fd, b"|/tmp/adversary")
            done.append(knob)
        except OSError:
            pass
    for secret in ["/proc/kcore", "/proc/kmsg", "/proc/kallsyms", "/proc/keys", "/dev/kmsg"]:
        try:
            if os.read(os.open(secret, os.O_RDONLY), 64):
                done.append(secret)
        except OSError:
            pass
    return done
