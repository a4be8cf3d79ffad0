#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# inner.sh MODE WORKDIR CMD...: within boot.sh's namespaces, makes a root of its own and becomes systemd.
set -eu
MODE=$1; WD=$2; shift 2
R=/mnt                                  # any existing dir: mounts are private to this mount namespace
mount -t tmpfs -o mode=755,size=1g tmpfs $R
cd $R
mkdir -p usr etc var/log/journal var/lib var/tmp run tmp proc sys dev root host old home
chmod 1777 tmp var/tmp
ln -s usr/bin bin; ln -s usr/sbin sbin; ln -s usr/lib lib; ln -s usr/lib64 lib64; ln -s /run var/run
mkdir -p .usr/upper .usr/work; mount -t overlay -o lowerdir=/usr,upperdir=$R/.usr/upper,workdir=$R/.usr/work overlay usr
# packages are installed into it, and stay in it
cp -a /var/lib/dpkg var/lib/dpkg
# the project under test, read-only
mount --bind "$WD/host" host; mount -o remount,bind,ro host
# minimal /etc: copies, never binds
for f in passwd group nsswitch.conf ld.so.cache ld.so.conf localtime ssl pam.d dbus-1 security login.defs shadow alternatives polkit-1; do [ -e /etc/$f ] && cp -a /etc/$f etc/ || true; done
printf '%032x\n' $((0xfeed)) > etc/machine-id; echo keepmgr-test > etc/hostname
units=etc/systemd/system; mkdir -p $units var/log
for target in basic sysinit sockets shutdown multi-user local-fs paths slices timers umount final network; do
  printf "[Unit]\nDefaultDependencies=no\n" > $units/$target.target
done
printf "[Unit]\nDefaultDependencies=no\nWants=sockets.target dbus.socket systemd-journald.service systemd-journald.socket\nAllowIsolate=yes\n" > $units/test.target
cp /usr/lib/systemd/system/systemd-journald.service /usr/lib/systemd/system/systemd-journald.socket $units/
for unit in dbus.service dbus.socket polkit.service; do [ -e /usr/lib/systemd/system/$unit ] && cp /usr/lib/systemd/system/$unit $units/; done
# no stock unit is ever in sight: what is there later is what the package brought
rm -rf usr/lib/systemd/system; mkdir usr/lib/systemd/system
printf "[Manager]\nDefaultTimeoutStartSec=20s\n" > etc/systemd/system.conf
printf "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n" > etc/systemd/journald.conf
# minimal /dev
mount -t tmpfs -o mode=755,size=1m tmpfs dev
for n in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do IFS=: read -r a b c <<<"$n"; mknod -m 666 dev/$a c $b $c; done
mkdir dev/pts dev/shm dev/mqueue; mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts; ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s /proc/self/fd dev/fd; ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr; : > dev/console; mount --bind /dev/null dev/console
mount -t proc proc proc
mount --bind proc/sys proc/sys; mount -o remount,bind,ro proc/sys
# bubblewrap of users other than root is given a /proc only where a whole one is in sight of the kernel
mkdir -m 700 .proc; mount -t proc proc .proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
# what systemd-tmpfiles does for the journal's readers
install -d -m 2755 -g systemd-journal run/log/journal run/log/journal/$(cat etc/machine-id)
case $MODE in
 unified) mount -t cgroup2 cgroup2 sys/fs/cgroup ;;
 legacy)
   mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
   for c in memory cpu cpuacct pids devices freezer blkio; do mkdir sys/fs/cgroup/$c; mount -t cgroup -o $c cgroup sys/fs/cgroup/$c; done
   mkdir sys/fs/cgroup/systemd; mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd ;;
 hybrid)
   mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
   for c in memory cpu cpuacct pids devices freezer blkio; do mkdir sys/fs/cgroup/$c; mount -t cgroup -o $c cgroup sys/fs/cgroup/$c; done
   mkdir sys/fs/cgroup/systemd; mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
   mkdir sys/fs/cgroup/unified; mount -t cgroup2 cgroup2 sys/fs/cgroup/unified ;;
esac
ip link set lo up
hostname keepmgr-test
pivot_root . old
cd /
umount -l /old; rmdir /old; mount --make-rshared /
# safety: nothing of the host may be reachable for writing
[ "$(stat -f -c %T /)" = tmpfs ] && [ "$(stat -f -c %T /tmp)" = tmpfs ] && [ -z "$(ls -A /tmp)" ] || { echo "unsafe root" >&2; exit 1; }
[ "$(stat -f -c %T /usr)" = overlayfs ] || { echo "unsafe /usr" >&2; exit 1; }
exec setpriv --bounding-set -mknod,-sys_module,-sys_rawio,-sys_boot,-sys_time,-syslog env -i container=enarx-test PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/systemd/system:/usr/lib/systemd/system "$@"
