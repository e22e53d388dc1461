/* Namespaces, and the descriptors that lead to other processes and their namespaces. */
#include "util.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

/* unshare(2). */
int op_unshare(struct ctx *c, const struct arg *a) {
  (void)c;
  return unshare((int)a[0].num) < 0 ? errno : 0;
}

/* pidfd_open(2), then the start time: the number may have passed to another process since it was written down. The
 * descriptor is taken first; as long as the time agrees after that, it is the process that is meant. */
int op_open_process(struct ctx *c, const struct arg *a) {
  pid_t pid = (pid_t)a[0].num;
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) return errno;
  /* The kernel sets close-on-exec on every pidfd already. */
  uint64_t ticks = start_ticks(pid);
  if (ticks == 0 || ticks != a[1].num) {
    close(fd);
    return ESRCH;
  }
  return slot_put(c, a[2].num, fd);
}

/* open(2) with O_PATH: for a cgroup to be born into, or a namespace's file to enter. */
int op_open_path(struct ctx *c, const struct arg *a) {
  int fd = open(a[0].str, O_PATH | O_CLOEXEC);
  return fd < 0 ? errno : slot_put(c, a[1].num, fd);
}

/* setns(2). With a pidfd, several namespaces are entered at once or none. */
int op_setns(struct ctx *c, const struct arg *a) {
  return setns(slot_fd(c, a[0].num), (int)a[1].num) < 0 ? errno : 0;
}

/* An undo: back to the mount namespace in the slot, whatever step failed away from it. The undos after this one mean the
 * host's paths. Carried out by another process, which never left, there is nothing to do. */
int op_leave_namespace(struct ctx *c, const struct arg *a) {
  int home = slot_fd(c, a[0].num);
  return home >= 0 && setns(home, CLONE_NEWNS) < 0 ? errno : 0;
}

/* sethostname(2). */
int op_sethostname(struct ctx *c, const struct arg *a) {
  (void)c;
  return sethostname(a[0].str, a[0].len) < 0 ? errno : 0;
}

/* How many messages the bytes hold; each must be whole and ask for an answer, else we would wait for ever. */
static int count_messages(const char *bytes, size_t len, uint32_t *count) {
  *count = 0;
  for (size_t at = 0; at < len;) {
    struct nlmsghdr h;
    if (len - at < sizeof h) return EPROTO;
    memcpy(&h, bytes + at, sizeof h);
    if (h.nlmsg_len < sizeof h || h.nlmsg_len > len - at || (h.nlmsg_flags & NLM_F_ACK) == 0) return EPROTO;
    size_t whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
    at += whole < len - at ? whole : len - at;
    ++*count;
  }
  return *count > 0 ? 0 : EPROTO;
}

/* The answers in one packet: takes the acknowledgements off *pending. */
static int read_answers(const char *bytes, size_t len, uint32_t *pending) {
  for (size_t at = 0; len - at >= sizeof(struct nlmsghdr);) {
    struct nlmsghdr h;
    memcpy(&h, bytes + at, sizeof h);
    if (h.nlmsg_len < sizeof h || h.nlmsg_len > len - at) return EPROTO;
    if (h.nlmsg_type == NLMSG_ERROR) {
      struct nlmsgerr e;
      if (h.nlmsg_len < sizeof h + sizeof e) return EPROTO;
      memcpy(&e, bytes + at + sizeof h, sizeof e);
      if (e.error != 0) return -e.error;
      if (*pending > 0) --*pending;
    }
    size_t whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
    if (whole > len - at) break;
    at += whole;
  }
  return 0;
}

static int receive_answers(int fd, uint32_t pending) {
  _Alignas(8) char bytes[8192];
  while (pending > 0) {
    struct sockaddr_nl from = {0};
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(fd, bytes, sizeof bytes, MSG_TRUNC, (struct sockaddr *)&from, &from_len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    /* Port 0 is the kernel; another process may write to our socket as well. */
    if (from.nl_pid != 0) continue;
    if (n == 0 || (size_t)n > sizeof bytes) return EPROTO;
    int err = read_answers(bytes, (size_t)n, &pending);
    if (err != 0) return err;
  }
  return 0;
}

/* rtnetlink(7): one socket, all messages in one packet, the kernel handles them in order. The first refusal is the
 * step's errno; messages after it were carried out all the same, so a plan sends together what is undone together. */
int op_netlink(struct ctx *c, const struct arg *a) {
  (void)c;
  uint32_t pending;
  int err = count_messages(a[0].str, a[0].len, &pending);
  if (err != 0) return err;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return errno;
  /* Answers without a copy of the question fit the buffer whatever was sent. */
  int on = 1;
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on) < 0) err = errno;
  if (err == 0 && sendto(fd, a[0].str, a[0].len, 0, (struct sockaddr *)&kernel, sizeof kernel) != (ssize_t)a[0].len)
    err = errno;
  if (err == 0) err = receive_answers(fd, pending);
  close(fd);
  return err;
}

/* setns(2) to the mount namespace we are in sets root and working directory to the very top of it. That is where
 * pivot_root must work: in a chroot it would exchange the chroot's root only, the host's would stay above it, and
 * a later setns into the container would land there. */
int op_namespace_root(struct ctx *c, const struct arg *a) {
  (void)c;
  (void)a;
  int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  int err = here < 0 || ns < 0 ? errno : 0;
  if (err == 0 && syscall(SYS_setns, ns, CLONE_NEWNS) < 0) err = errno;
  if (err == 0 && fchdir(here) < 0) err = errno;
  if (here >= 0) close(here);
  if (ns >= 0) close(ns);
  return err;
}
