# tries: to make a shell that stays root
# expect: success ""
# within: 5s
cp /bin/bash /tmp/adversary
chown root /tmp/adversary 2>/dev/null && echo chown
chmod 4755 /tmp/adversary
[ "$(/tmp/adversary -p -c 'id -u')" = 0 ] && echo root
for tool in su sudo mount umount passwd newgrp chsh ping; do
  path=$(command -v $tool) && [ -u "$path" ] && echo "$tool"
done
setpriv --reuid 0 true 2>/dev/null && echo setpriv
true
