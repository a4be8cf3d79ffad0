#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# boot.sh MODE(unified|legacy) WORKDIR [cmd...]
# Boots systemd as PID 1 of fresh pid/mount/uts/ipc/net/cgroup namespaces on a PRIVATE tmpfs root (pivot_root):
# host /usr is bind-mounted read-only, nothing else of the host is visible, so no unit can touch host files.
set -eu
MODE=$1; WD=$2; shift 2
[ $# -gt 0 ] || set -- /lib/systemd/systemd --system --unit=test.target --show-status=no
# 1. own (child) cgroup in every hierarchy, so the cgroup namespace is rooted there
declare -a HIER=()
CGS=$(cat /proc/self/cgroup)
while IFS=: read -r id ctl path; do
  case "$ctl" in
    '')            d=/sys/fs/cgroup/unified ;;
    name=systemd)  d=/sys/fs/cgroup/systemd ;;
    *)             d=/sys/fs/cgroup/${ctl} ;;
  esac
  [ -d "$d" ] || continue
  c="${d}${path%/}/enarx-test-$$"; mkdir "$c"; HIER+=("$c")
  if [ "$ctl" = cpuset ]; then cat "$(dirname "$c")/cpuset.cpus" > "$c/cpuset.cpus"; cat "$(dirname "$c")/cpuset.mems" > "$c/cpuset.mems"; fi
  echo $$ > "$c/cgroup.procs"
done <<<"$CGS"
printf '%s\n' "${HIER[@]}" > "$WD/cgroups"
echo $$ > "$WD/outer.pid"
exec unshare --mount --propagation private --pid --fork --kill-child=SIGKILL --cgroup --uts --ipc --net \
  bash "$(dirname "$(realpath "$0")")/inner.sh" "$MODE" "$WD" "$@"
