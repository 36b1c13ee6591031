# tries: to find who and what is on this machine
# expect: success "sandbox\n"
# within: 5s
hostname 2>/dev/null || cat /proc/sys/kernel/hostname
ls /root /home 2>/dev/null | grep -v '^$\|^/\(root\|home\):$'
env | grep -vE '^(HOME|LANG|PATH|PWD|OLDPWD|SHLVL|_)='
grep -l executor-manager /proc/[0-9]*/{cmdline,environ,mountinfo,cgroup} 2>/dev/null
dmesg 2>/dev/null | grep -i 'linux version\|command line'
last 2>/dev/null | grep root
true
