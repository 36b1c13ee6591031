# tries: to fill the disk that is memory
# expect: resource_limit_exceeded/memory
# within: 5s
for folder in /workspace /tmp /dev/shm; do cat /dev/zero >$folder/adversary; done 2>/dev/null
echo filled
