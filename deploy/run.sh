#!/bin/sh
# Runs the service below pid 1 (tini) and ends as it ends. Should it be killed, its sandboxes may be frozen,
# and on cgroup v1 a frozen process cannot die: pid 1 would wait for them for ever. So they are thawed first.
trap 'kill -TERM "$service" 2>/dev/null' TERM
trap 'kill -INT "$service" 2>/dev/null' INT
node src/main.ts "$@" &
service=$!
# A signal that is handed on interrupts the wait.
until wait "$service"; status=$?; ! kill -0 "$service" 2>/dev/null; do :; done
find /sys/fs/cgroup -path '*/executor-manager/*' -name freezer.state 2>/dev/null |
  while read -r state; do echo THAWED 2>/dev/null >"$state"; done
exit "$status"
