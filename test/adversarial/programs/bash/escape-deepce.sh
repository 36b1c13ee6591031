# tries: what deepce looks for: sockets, devices, capabilities, mounts, tools to break out with
# expect: success ""
# within: 5s
[ -e /.dockerenv ] && echo dockerenv
[ -S /var/run/docker.sock ] && echo docker.sock
[ -w /etc/passwd ] && echo passwd
[ -w /etc/crontab ] && echo crontab
[ "$(id -u)" = 0 ] && echo root
grep -v '0000000000000000' /proc/self/status | grep Cap
grep -E '/(dev/(sd|vd|nvme)|work/|var/lib|home)' /proc/mounts
for tool in docker kubectl ctr nsenter-root sudo su pkexec newuidmap mount-root; do
  path=$(command -v $tool) && [ -u "$path" ] && echo "$tool"
done
find / -xdev -perm -4000 -not -path '/proc/*' 2>/dev/null
find / -xdev -type f -perm -0002 -not -path '/proc/*' -not -path '/workspace/*' -not -path '/tmp/*' 2>/dev/null
ls /dev | grep -E '^(sd|vd|nvme|mem|kmem|kmsg|kvm)'
true
