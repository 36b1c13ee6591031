# tries: to hand out what links point at
# expect: success ""
# within: 5s
# artifacts: f.csv
ln -s /etc/passwd artifacts/a.csv
ln -s /proc/1/environ artifacts/b.csv
mkfifo artifacts/c.csv
mkdir artifacts/d.csv
ln -s /etc artifacts/e.csv
: >artifacts/f.csv
