#!/bin/bash
# Process 1 of a test host until systemd takes over: mounts its file systems and makes its disk the root.
# Variables: ROOT (the Debian root), DISK (the folder of the host's disk), NAME.
set -euo pipefail
root=$DISK/mounted
mount -t overlay -o "lowerdir=$ROOT,upperdir=$DISK/changes,workdir=$DISK/work" overlay "$root"
mkdir -p "$root"/{proc,sys,dev,run,tmp,old,var/lib/docker,var/lib/containerd}
# Docker's own overlays need a real file system below them.
mount --bind "$DISK/docker" "$root/var/lib/docker"
mount --bind "$DISK/containerd" "$root/var/lib/containerd"

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
while read -r name major minor; do mknod -m 666 "$root/dev/$name" c "$major" "$minor"; done <<'DEVICES'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
DEVICES
mkdir "$root"/dev/{pts,shm,mqueue}
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t mqueue mqueue "$root/dev/mqueue"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0 1 2; do ln -s "/proc/self/fd/$number" "$root/dev/$(echo stdin stdout stderr | cut -d' ' -f$((number + 1)))"; done
touch "$root/dev/console"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"

mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
for group in cpu cpuacct cpuset memory devices freezer blkio pids; do
    mkdir "$root/sys/fs/cgroup/$group"
    mount -t cgroup -o "$group" cgroup "$root/sys/fs/cgroup/$group"
done
mkdir "$root/sys/fs/cgroup/systemd"
mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"

hostname "$NAME"
cd "$root"
pivot_root . old
umount -l /old
# systemd 256 and newer accept cgroup v1 only when forced.
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=headrace-test SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 \
    /lib/systemd/systemd --show-status=false
