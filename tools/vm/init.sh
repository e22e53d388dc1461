#!/bin/busybox sh
# The guest's first program, in its initramfs: puts the root together and goes there.
#   /        the host's root, read-only over 9p, below a tmpfs that takes the writes
#   $HERE    the checkout's copy, on a disk of its own (/dev/vdb)
#   /var/lib /var/tmp /tmp /home    an empty ext4 disk (/dev/vda): overlayfs can lie on it
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
give_up() { echo "vm: cannot $*"; poweroff -f; }
while read -r module; do
  case $module in *.xz) unxz "/lib/$module"; module=${module%.xz} ;; esac
  insmod "/lib/$module" || echo "vm: no module $module"
done </modules
share=trans=virtio,version=9p2000.L,msize=1048576
mount -t 9p -o $share,ro,cache=loose hostroot /host || give_up mount the root
mount -t tmpfs -o size=50%,mode=755 tmpfs /up
mkdir /up/upper /up/work
mount -t overlay -o lowerdir=/host,upperdir=/up/upper,workdir=/up/work root /new || give_up overlay the root
cd /new || give_up enter the root
mkdir -p proc sys dev run tmp var/lib var/tmp home lib/modules
mount -t tmpfs -o mode=755 tmpfs run
mkdir -p run/vm/control run/vm/disk run/lock
mount -t 9p -o $share,cache=none control run/vm/control || give_up mount the control directory
. run/vm/control/settings
disk=run/vm/disk
mount -t ext4 -o discard /dev/vda $disk || give_up mount the disk
mkdir -p $disk/lib $disk/tmp $disk/vartmp $disk/home
chmod 1777 $disk/tmp $disk/vartmp
mount --bind $disk/lib var/lib
mount --bind $disk/tmp tmp
mount --bind $disk/vartmp var/tmp
mount --bind $disk/home home
mkdir -p "lib/modules/$VERSION"
mount --bind "/host$MODULES" "lib/modules/$VERSION" || give_up mount the modules
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs devtmpfs dev
mkdir -p dev/pts dev/shm dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t mqueue mqueue dev/mqueue
ln -sf /proc/self/fd dev/fd
ln -sf fd/0 dev/stdin
ln -sf fd/1 dev/stdout
ln -sf fd/2 dev/stderr
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 sys/fs/cgroup || give_up mount cgroup v2
mount -t securityfs securityfs sys/kernel/security
hostname vm
ip link set lo up
mkdir -p "./$HERE"
mount -t ext4 /dev/vdb "./$HERE" || give_up mount the checkout
# switch_root leaves these mounted below the new root, and a proc nobody has masked lets whoever makes a user namespace
# mount another (mount_namespaces(7)); no distribution's initramfs leaves one.
umount /proc /sys || give_up unmount what the initramfs had
exec switch_root /new /bin/sh /run/vm/control/session
