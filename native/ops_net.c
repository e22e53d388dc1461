/* Networks: netlink messages made elsewhere, names for the resolver. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

/* What is sent, and what the answers must show. */
struct talk {
  char *bytes;
  size_t len;
  int protocol;
  uint32_t ignore;       /* an errno that is no failure: "there already" */
  const struct arg *expect;
  bool found;            /* an answer held the expected bytes */
  const struct arg *link, *link_at;
  uint32_t last;         /* sequence number of the last message that asks for an answer */
  uint64_t *handles;     /* of answers that hold the expected bytes: their attribute of this number */
  uint32_t handle_count, attribute;
};

/* Every message must be whole, and one must ask for an answer, else nobody could tell how it went. */
static int find_last(struct talk *t) {
  bool asked = false;
  for (size_t at = 0; at < t->len;) {
    struct nlmsghdr h;
    if (t->len - at < sizeof h) return EPROTO;
    memcpy(&h, t->bytes + at, sizeof h);
    if (h.nlmsg_len < sizeof h || h.nlmsg_len > t->len - at) return EPROTO;
    if (h.nlmsg_flags & NLM_F_ACK) {
      asked = true;
      t->last = h.nlmsg_seq;
    }
    size_t whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
    at += whole < t->len - at ? whole : t->len - at;
  }
  return asked ? 0 : EPROTO;
}

#define HANDLES 32

/* An nfnetlink answer: attributes stand behind a struct nfgenmsg. The handle is a number of 64 bits. */
static void take_handle(struct talk *t, const char *message, size_t len) {
  for (size_t at = sizeof(struct nlmsghdr) + 4; len - at >= sizeof(struct nlattr);) {
    struct nlattr a;
    memcpy(&a, message + at, sizeof a);
    if (a.nla_len < sizeof a || a.nla_len > len - at) return;
    if ((a.nla_type & NLA_TYPE_MASK) == t->attribute && a.nla_len == sizeof a + 8 && t->handle_count < HANDLES)
      memcpy(&t->handles[t->handle_count++], message + at + sizeof a, 8);
    size_t whole = NLA_ALIGN((size_t)a.nla_len);
    if (whole > len - at) return;
    at += whole;
  }
}

/* One packet of answers. Sets *done with the last one; returns the first refusal that is not to be ignored. */
static int read_packet(struct talk *t, const char *bytes, size_t len, bool *done) {
  for (size_t at = 0; len - at >= sizeof(struct nlmsghdr);) {
    struct nlmsghdr h;
    memcpy(&h, bytes + at, sizeof h);
    if (h.nlmsg_type == NLMSG_ERROR || h.nlmsg_type == NLMSG_DONE) {
      int error = 0;
      if (len - at < sizeof h + sizeof error) return h.nlmsg_type == NLMSG_DONE ? 0 : EPROTO;
      memcpy(&error, bytes + at + sizeof h, sizeof error);
      if (error != 0 && (uint32_t)-error != t->ignore) return -error;
      if (h.nlmsg_seq == t->last) *done = true;
    } else if (t->expect != NULL && h.nlmsg_len <= len - at && t->expect->len > 0) {
      if (memmem(bytes + at, h.nlmsg_len, t->expect->str, t->expect->len) != NULL) {
        t->found = true;
        if (t->handles != NULL) take_handle(t, bytes + at, h.nlmsg_len);
      }
    }
    size_t whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
    if (whole < sizeof h || whole > len - at) break;
    at += whole;
  }
  return 0;
}

/* The kernel answers while it handles a message, inside of sendto: what is not there then will never come. */
static int read_all(struct talk *t, int fd) {
  _Alignas(8) char bytes[8192];
  for (bool done = false; !done;) {
    struct sockaddr_nl from = {0};
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN ? EPROTO : errno;
    /* Port 0 is the kernel; another process may write to our socket as well. */
    if (from.nl_pid != 0) continue;
    int err = read_packet(t, bytes, (size_t)n, &done);
    if (err != 0) return err;
  }
  return 0;
}

/* Puts a number into the messages at each of these places (u32, little-endian). */
static int put_number(struct talk *t, const struct arg *places, uint32_t number) {
  for (uint32_t i = 0; i + 4 <= places->len; i += 4) {
    uint32_t at;
    memcpy(&at, places->str + i, 4);
    if (at > t->len - 4) return EPROTO;
    memcpy(t->bytes + at, &number, 4);
  }
  return 0;
}

/* netdevice(7): an interface is known by its number, which a plan cannot know. */
static int find_link(struct ifreq *request, const struct arg *name, int fd) {
  memset(request, 0, sizeof *request);
  if (name->len >= sizeof request->ifr_name) return ENODEV;
  memcpy(request->ifr_name, name->str, name->len);
  return ioctl(fd, SIOCGIFINDEX, request) < 0 ? errno : 0;
}

static int link_number(struct talk *t, int fd) {
  struct ifreq request;
  int err = find_link(&request, t->link, fd);
  return err != 0 ? err : put_number(t, t->link_at, (uint32_t)request.ifr_ifindex);
}

/* netlink(7): all messages in one packet, the kernel handles them in order, also those after a refused one (rtnetlink),
 * or all or none (an nfnetlink batch). */
static int talk(struct talk *t) {
  int err = find_last(t);
  if (err != 0) return err;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, t->protocol);
  if (fd < 0) return errno;
  if (t->link_at != NULL && t->link_at->len > 0) err = link_number(t, fd);
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (err == 0 && sendto(fd, t->bytes, t->len, 0, (struct sockaddr *)&kernel, sizeof kernel) != (ssize_t)t->len) err = errno;
  if (err == 0) err = read_all(t, fd);
  close(fd);
  return err;
}

/* The plan has blanks for what it cannot know: the child's pid, the number of the interface called `link`. */
int op_netlink_send(struct ctx *c, const struct arg *a) {
  struct talk t = {
    .protocol = (int)a[0].num,
    /* Our own copy of the plan: nobody else reads it. */
    .bytes = (char *)(uintptr_t)a[1].str,
    .len = a[1].len,
    .ignore = (uint32_t)a[2].num,
    .link = &a[3],
    .link_at = &a[4],
  };
  int err = put_number(&t, &a[5], (uint32_t)c->child);
  return err != 0 ? err : talk(&t);
}

/* Interfaces that another process is taking away. */
enum { LEAVING = 16, MOMENT_NS = 20000, MOMENT_MOST_NS = 1000000 };
static struct leaving { struct ifreq link; struct talk talk; pid_t by; } leaving[LEAVING];
static unsigned leaving_count;

/* Until it is out of sight. By number: a name that is not there makes the kernel look for a module. */
static int await_link(struct leaving *l) {
  struct timespec moment = {.tv_nsec = MOMENT_NS};
  int status = 0, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  while (waitpid(l->by, &status, WNOHANG) == 0 && (fd < 0 || ioctl(fd, SIOCGIFNAME, &l->link) == 0 || errno != ENODEV)) {
    nanosleep(&moment, NULL);
    if (moment.tv_nsec < MOMENT_MOST_NS) moment.tv_nsec *= 2;
  }
  close(fd);
  return WIFEXITED(status) ? WEXITSTATUS(status) : talk(&l->talk);
}

/* RTM_DELLINK, aside: its answer takes some 20 ms, most of them a grace period of RCU (rcu_barrier) for memory that nobody
 * sees any more. The interface is down, out of its bridge and without a name after the first of them. */
int op_delete_link(struct ctx *c, const struct arg *a) {
  (void)c;
  struct leaving l = {.talk = {
    .protocol = NETLINK_ROUTE, .bytes = (char *)(uintptr_t)a[1].str, .len = a[1].len, .ignore = (uint32_t)a[2].num}};
  if (a[1].len < sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg)) return EPROTO;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = find_link(&l.link, &a[0], fd);
  close(fd);
  if (err != 0) return (uint32_t)err == l.talk.ignore ? 0 : err;
  /* This one, whatever has its name by then. */
  memcpy(l.talk.bytes + sizeof(struct nlmsghdr) + offsetof(struct ifinfomsg, ifi_index), &l.link.ifr_ifindex, sizeof(int));
  l.by = fork();
  if (l.by < 0) return talk(&l.talk);
  if (l.by == 0) {
    /* Nothing of ours is held any longer than by us. */
    syscall(SYS_close_range, 0u, ~0u, 0u);
    _exit(talk(&l.talk));
  }
  if (a[3].num != 0 || leaving_count == LEAVING) return await_link(&l);
  leaving[leaving_count++] = l;
  return 0;
}

/* Its address may be somebody else's only then. Nothing to wait for where nobody takes it away. */
int op_await_link(struct ctx *c, const struct arg *a) {
  (void)c;
  for (unsigned i = 0; i < leaving_count; i++)
    if (strcmp(leaving[i].link.ifr_name, a[0].str) == 0) return await_link(&leaving[i]);
  return 0;
}

/* The same for an interface whose other end is born in the namespace in a slot. */
int op_netlink_into(struct ctx *c, const struct arg *a) {
  struct talk t = {
    .protocol = NETLINK_ROUTE,
    .bytes = (char *)(uintptr_t)a[0].str,
    .len = a[0].len,
    .link = &a[1],
    .link_at = &a[2],
  };
  int err = put_number(&t, &a[4], (uint32_t)slot_fd(c, a[3].num));
  return err != 0 ? err : talk(&t);
}

/* A question, and bytes that its answer must hold. EEXIST: something else is there. With further messages: they are
 * sent only if it does hold them, and that it does not, or that nothing is there, is no failure. */
int op_netlink_check(struct ctx *c, const struct arg *a) {
  (void)c;
  bool conditional = a[3].len > 0;
  struct talk t = {
    .protocol = (int)a[0].num,
    .bytes = (char *)(uintptr_t)a[1].str,
    .len = a[1].len,
    .expect = &a[2],
  };
  int err = talk(&t);
  if (!conditional) return err != 0 ? err : t.found ? 0 : EEXIST;
  if (!t.found) return err == ENOENT || err == ENODEV ? 0 : err;
  struct talk then = {.protocol = t.protocol, .bytes = (char *)(uintptr_t)a[3].str, .len = a[3].len, .ignore = EEXIST};
  return talk(&then);
}

/* Asks for a list; for each answer that holds the expected bytes, sends the messages with its handle in them. Nothing
 * there is no failure. */
int op_netlink_each(struct ctx *c, const struct arg *a) {
  (void)c;
  uint64_t handles[HANDLES];
  struct talk t = {
    .protocol = (int)a[0].num,
    .bytes = (char *)(uintptr_t)a[1].str,
    .len = a[1].len,
    .expect = &a[2],
    .handles = handles,
    .attribute = (uint32_t)a[3].num,
  };
  int err = talk(&t);
  if (err != 0) return err == ENOENT ? 0 : err;
  uint32_t at = (uint32_t)a[5].num;
  if (a[4].len < 8 || at > a[4].len - 8) return EPROTO;
  for (uint32_t i = 0; i < t.handle_count && err == 0; i++) {
    struct talk then = {.protocol = t.protocol, .bytes = (char *)(uintptr_t)a[4].str, .len = a[4].len, .ignore = ENOENT};
    memcpy(then.bytes + at, &handles[i], 8);
    err = talk(&then);
  }
  return err;
}

static int name_path(char *to, size_t room, const struct arg *a) {
  if ((size_t)a[0].len + a[1].len + 2 > room) return ENAMETOOLONG;
  memcpy(to, a[0].str, a[0].len);
  to[a[0].len] = '/';
  memcpy(to + a[0].len + 1, a[1].str, a[1].len + 1u);
  return 0;
}

/* mkdir(2), symlink(2): several containers may have the same name, each a link in its directory. Whoever leaves last
 * removes the directory, perhaps just between the two calls. */
int op_name_link(struct ctx *c, const struct arg *a) {
  (void)c;
  char path[4096];
  int err = name_path(path, sizeof path, a);
  if (err != 0) return err;
  do {
    if (mkdir(a[0].str, 0700) < 0 && errno != EEXIST) return errno;
    err = symlink(a[2].str, path) < 0 ? errno : 0;
    /* Of an earlier run that nobody could clear: its text is old. */
    if (err == EEXIST && unlink(path) < 0 && errno != ENOENT) return errno;
  } while (err == ENOENT || err == EEXIST);
  return err;
}

int op_name_unlink(struct ctx *c, const struct arg *a) {
  (void)c;
  char path[4096];
  int err = name_path(path, sizeof path, a);
  if (err != 0) return err;
  if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR) return errno;
  if (rmdir(a[0].str) < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT && errno != ENOTDIR) return errno;
  return 0;
}
