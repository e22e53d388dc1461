/* An OCI runtime's container: created now, started later; what its config.json can ask of a process beside the rest. */
#include "oci.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "monitor.h"
#include "report.h"
#include "util.h"

struct failure child_failure;

void child_failed(struct ctx *c, const struct sync_msg *m, const struct exec_note *n) {
  if (c->said < 0) {
    (void)sync_send(c->sync, m, n, -1);
    return;
  }
  struct iovec iov[2] = {{(void *)(uintptr_t)m, sizeof *m}, {(void *)(uintptr_t)n, sizeof *n}};
  (void)!writev(c->said, iov, 2);
}

int leave(struct ctx *c) {
  uint32_t pid = (uint32_t)c->child;
  report(R_STARTED, &pid, sizeof pid);
  return 0;
}

/* The child's mounts are made, and nothing of its program runs: hooks of the host's side come here. */
int op_meet(struct ctx *c, const struct arg *a) {
  (void)a;
  struct sync_msg m = {.kind = SYNC_READY};
  int err = sync_send(c->sync, &m, NULL, -1);
  if (err != 0) return err;
  ssize_t n;
  do n = recv(c->sync, &m, sizeof m, 0); while (n < 0 && errno == EINTR);
  if (n != (ssize_t)sizeof m || m.kind != SYNC_GO) _exit(1);
  return 0;
}

/* The other side of it. A child that failed before says so here: its failure is the one to tell. */
int op_await_child(struct ctx *c, const struct arg *a) {
  (void)a;
  struct sync_msg m = {0};
  struct iovec iov[2] = {{&m, sizeof m}, {c->note, sizeof *c->note}};
  struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
  ssize_t n;
  do n = recvmsg(c->sync, &msg, MSG_CMSG_CLOEXEC); while (n < 0 && (errno == EINTR || errno == ECONNRESET));
  if (n < (ssize_t)sizeof m) child_failure = (struct failure){NO_STEP, ECHILD};
  else if (m.kind == SYNC_READY) return 0;
  else child_failure = (struct failure){m.step, m.error != 0 ? (int)m.error : EPROTO};
  return child_failure.error;
}

/* mkfifo(3), twice: one byte in the first lets the program run; end of file in the second says that it does. The child
 * needs read(2) and write(2) for it and nothing else, whatever its filter forbids. */
int op_start_fifos(struct ctx *c, const struct arg *a) {
  for (int i = 0; i < 2; i++)
    if (mkfifo(a[i].str, 0600) < 0) return errno;
  int go = open(a[0].str, O_RDWR | O_CLOEXEC);
  if (go < 0) return errno;
  int err = slot_put(c, a[2].num, go);
  /* A writer can be opened only while there is a reader. fifo(7) */
  int reader = open(a[1].str, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  int said = reader < 0 ? -1 : open(a[1].str, O_WRONLY | O_CLOEXEC);
  if (err == 0 && said < 0) err = errno;
  if (reader >= 0) close(reader);
  if (said < 0) return err;
  return err == 0 ? slot_put(c, a[3].num, said) : (close(said), err);
}

/* Process 1 of a pid namespace is given only the signals it handles: before its program runs, these end it. */
static _Noreturn void end_by(int sig) { _exit(128 + sig); }

int op_wait_start(struct ctx *c, const struct arg *a) {
  static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
  struct sigaction act;
  memset(&act, 0, sizeof act);
  act.sa_handler = end_by;
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) sigaction(ends[i], &act, NULL);

  struct sync_msg m = {.kind = SYNC_CREATED};
  int err = sync_send(c->sync, &m, NULL, -1);
  if (err != 0) return err;
  close(c->sync);
  c->sync = -1;
  c->said = slot_fd(c, a[1].num);
  int go = slot_fd(c, a[0].num);
  char byte;
  ssize_t n;
  do n = read(go, &byte, 1); while (n < 0 && errno == EINTR);
  if (n != 1) return n < 0 ? errno : EPIPE;
  act.sa_handler = SIG_IGN;
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) sigaction(ends[i], &act, NULL);
  return 0;
}

/* connect(2): the caller's socket for the pty's master. Tried before there is a container. */
int op_console_socket(struct ctx *c, const struct arg *a) {
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  if (a[0].len >= sizeof addr.sun_path) return ENAMETOOLONG;
  memcpy(addr.sun_path, a[0].str, a[0].len);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  if (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
    int err = errno;
    close(fd);
    return err;
  }
  c->console = fd;
  return 0;
}

int console_send(int sock, int master) {
  char name[] = "/dev/ptmx";
  struct iovec iov = {name, sizeof name - 1};
  union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } ctl;
  memset(&ctl, 0, sizeof ctl);
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof ctl.room};
  ctl.head.cmsg_level = SOL_SOCKET;
  ctl.head.cmsg_type = SCM_RIGHTS;
  ctl.head.cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(&ctl.head), &master, sizeof master);
  return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? errno : 0;
}

static int above(int fd, int floor) {
  if (fd < 0) return -1;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, floor);
  close(fd);
  return moved;
}

/* The program keeps 0, 1, 2 and `count` more, which came to us behind the plan and the report. Of the rest only what is
 * needed up to execve stays open: names the container chose come next, and /proc/self/fd must lead nowhere outside
 * (CVE-2024-21626). */
int op_keep_descriptors(struct ctx *c, const struct arg *a) {
  unsigned count = (unsigned)a[0].num;
  int first = FD_REPORT + 1, floor = first + (int)count;
  int keep[4];
  size_t kept = 0;
  if (c->sync >= 0) keep[kept++] = c->sync = above(c->sync, floor);
  if (c->console >= 0) keep[kept++] = c->console = above(c->console, floor);
  for (int i = 1; i < 3; i++)
    if (slot_fd(c, a[i].num) >= 0) keep[kept++] = c->slots[a[i].num] = above(slot_fd(c, a[i].num), floor);
  for (size_t i = 0; i < kept; i++)
    if (keep[i] < 0) return EMFILE;
  for (unsigned i = 0; i < count; i++)
    if (dup2(first + (int)i, FD_PLAN + (int)i) < 0) return errno;
  unsigned from = (unsigned)FD_PLAN + count;
  for (size_t left = kept; left > 0; left--) {
    size_t low = 0;
    for (size_t i = 1; i < left; i++)
      if (keep[i] < keep[low]) low = i;
    if ((unsigned)keep[low] > from && syscall(SYS_close_range, from, (unsigned)keep[low] - 1, 0u) < 0) return errno;
    from = (unsigned)keep[low] + 1;
    keep[low] = keep[left - 1];
  }
  return syscall(SYS_close_range, from, ~0u, 0u) < 0 ? errno : 0;
}

/* pidfd_send_signal(2): the slot's process and no other. */
int op_signal(struct ctx *c, const struct arg *a) {
  return syscall(SYS_pidfd_send_signal, slot_fd(c, a[0].num), (int)a[1].num, NULL, 0) < 0 ? errno : 0;
}

/* personality(2): the execution domain, for 32-bit programs mostly. */
int op_personality(struct ctx *c, const struct arg *a) {
  (void)c;
  return personality((unsigned long)a[0].num) < 0 ? errno : 0;
}

/* sched_setattr(2); the libraries have no wrapper. */
int op_scheduler(struct ctx *c, const struct arg *a) {
  (void)c;
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attr = {48, (uint32_t)a[0].num, a[1].num, (int32_t)(uint32_t)a[2].num, (uint32_t)a[3].num,
            a[4].num, a[5].num, a[6].num};
  return syscall(SYS_sched_setattr, 0, &attr, 0) < 0 ? errno : 0;
}

/* ioprio_set(2): this process (IOPRIO_WHO_PROCESS), class in the upper bits. */
int op_io_priority(struct ctx *c, const struct arg *a) {
  (void)c;
  return syscall(SYS_ioprio_set, 1, 0, (int)(a[0].num << 13 | a[1].num)) < 0 ? errno : 0;
}

/* A mask of numbers as the kernel reads it: whole longs. */
struct mask {
  unsigned long bits[8192 / (8 * sizeof(long))];
};

static int to_mask(struct mask *m, const struct arg *a) {
  if (a->len > sizeof m->bits) return EINVAL;
  memset(m, 0, sizeof *m);
  memcpy(m->bits, a->str, a->len);
  return 0;
}

/* set_mempolicy(2); the libraries have no wrapper. The last argument is one more than the bits there are. */
int op_memory_policy(struct ctx *c, const struct arg *a) {
  (void)c;
  struct mask nodes;
  int err = to_mask(&nodes, &a[1]);
  if (err != 0) return err;
  unsigned long bits = a[1].len == 0 ? 0 : 8 * a[1].len + 1;
  return syscall(SYS_set_mempolicy, (int)a[0].num, bits == 0 ? NULL : nodes.bits, bits) < 0 ? errno : 0;
}

/* sched_setaffinity(2): this process; EINVAL when its cpuset has none of them. */
int op_cpu_affinity(struct ctx *c, const struct arg *a) {
  (void)c;
  struct mask cpus;
  int err = to_mask(&cpus, &a[0]);
  if (err != 0) return err;
  return syscall(SYS_sched_setaffinity, 0, sizeof cpus, cpus.bits) < 0 ? errno : 0;
}

/* NS_GET_NSTYPE, ioctl_ns(2): EINVAL when the namespace is of another kind than was asked for. */
int op_check_namespace(struct ctx *c, const struct arg *a) {
  int type = ioctl(slot_fd(c, a[0].num), NS_GET_NSTYPE);
  if (type < 0) return errno;
  return (uint64_t)(unsigned)type == a[1].num ? 0 : EINVAL;
}

/* chroot(2) is left through a descriptor of the root it covers: the hooks of the host's side name files out there. */
int op_leave_chroot(struct ctx *c, const struct arg *a) {
  if (fchdir(slot_fd(c, a[0].num)) < 0) return errno;
  return chroot(".") < 0 ? errno : 0;
}
