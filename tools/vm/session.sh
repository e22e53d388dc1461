# Process 1 of the guest, in its root: runs one command, leaves its exit code behind, powers off.
control=/run/vm/control
. $control/settings
. $control/environment
# As on a host with systemd: the controllers are on below the root, and nothing but the kernel lives in it.
cgroup=/sys/fs/cgroup
echo '+cpu +cpuset +io +memory +pids' >$cgroup/cgroup.subtree_control
mkdir $cgroup/session
echo 0 >$cgroup/session/cgroup.procs
# What udev would have made: /dev/fuse and /dev/net/tun.
modprobe -a fuse tun || echo "vm: no fuse, no tun" >&2
cd "$HERE" || exec /bin/busybox poweroff -f
# Pipes, not the shared files themselves: those could not be opened again by name (/dev/stdout).
mkfifo /run/vm/stdout /run/vm/stderr
cat /run/vm/stdout >$control/stdout &
out=$!
cat /run/vm/stderr >$control/stderr &
err=$!
setsid bash $control/command </dev/null >/run/vm/stdout 2>/run/vm/stderr
code=$?
# Whoever the command left behind may hold the pipes for ever.
(
  sleep 2
  kill $out $err 2>/dev/null
) &
wait $out $err
echo $code >$control/exit.new
mv $control/exit.new $control/exit
exec /bin/busybox poweroff -f
