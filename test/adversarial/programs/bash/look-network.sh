# tries: to reach the manager and metadata services with what a shell has
# expect: success ""
# within: 5s
port=$(jq .manager_port arguments.json)
for target in 127.0.0.1/$port 127.0.0.1/9385 127.0.0.1/22 169.254.169.254/80 10.0.0.1/80 1.1.1.1/53; do
  (exec 3<>/dev/tcp/$target) 2>/dev/null && echo "$target"
done
getent hosts metadata.google.internal example.com
true
