# tries: what CDK tries: core_pattern, release_agent, /proc/1/root, devices, mounts, services
# expect: success ""
# within: 5s
echo '|/tmp/adversary' 2>/dev/null >/proc/sys/kernel/core_pattern && echo core_pattern
echo c 2>/dev/null >/proc/sysrq-trigger && echo sysrq
mkdir /tmp/adversary
for kind in cgroup cgroup2 proc sysfs devtmpfs; do
  mount -t $kind none /tmp/adversary 2>/dev/null && echo "mount $kind"
done
ls /proc/1/root/root /proc/1/root/home/* >/dev/null 2>&1 && echo 'root of pid 1'
unshare -Urm true 2>/dev/null && echo unshare
nsenter -t 1 -m true 2>/dev/null && echo nsenter
mknod /tmp/adversary/sda b 8 0 2>/dev/null && cat /tmp/adversary/sda >/dev/null 2>&1 && echo mknod
[ -d /var/run/secrets/kubernetes.io ] && echo kubernetes
insmod /tmp/x.ko 2>/dev/null && echo insmod
modprobe x 2>/dev/null && echo modprobe
true
