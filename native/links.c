/* Cables are taken away. RTM_DELLINK answers after some 20 ms, most of them a grace period of RCU (rcu_barrier) for memory that
 * nobody sees any more: nobody is to wait for that. docs/adr/0047-cables-aside.md. */
#include "links.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "netlink.h"
#include "util.h"

/* How a step wants it: `wait` of delete-link. */
enum { ASIDE, AWAITED, LATER };
enum { LEAVING = 16, MOMENT_NS = 20000, MOMENT_MOST_NS = 1000000 };

/* Interfaces that another process is taking away; `by` is 0 for those that we do, later. */
static struct leaving { struct ifreq link; struct talk talk; pid_t by; } leaving[LEAVING];
static unsigned leaving_count;

/* netdevice(7): an interface is known by its number, which a plan cannot know. */
int find_link(struct ifreq *request, const struct arg *name, int fd) {
  memset(request, 0, sizeof *request);
  if (name->len >= sizeof request->ifr_name) return ENODEV;
  memcpy(request->ifr_name, name->str, name->len);
  return ioctl(fd, SIOCGIFINDEX, request) < 0 ? errno : 0;
}

/* Nothing comes or goes by it any more: its bridge has forgotten what was to be reached there. */
static int set_down(const struct ifreq *link, int fd) {
  struct ifreq request = *link;
  if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) return errno;
  request.ifr_flags = (short)(request.ifr_flags & ~IFF_UP);
  return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? errno : 0;
}

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

static int take_away(struct leaving *l, bool wait) {
  /* This one, whatever has its name by then. */
  memcpy(l->talk.bytes + sizeof(struct nlmsghdr) + offsetof(struct ifinfomsg, ifi_index), &l->link.ifr_ifindex, sizeof(int));
  l->by = fork();
  if (l->by < 0) return talk(&l->talk);
  if (l->by == 0) {
    /* Nothing of ours is held any longer than by us. */
    syscall(SYS_close_range, 0u, ~0u, 0u);
    _exit(talk(&l->talk));
  }
  if (wait || leaving_count == LEAVING) return await_link(l);
  leaving[leaving_count++] = *l;
  return 0;
}

int op_delete_link(struct ctx *c, const struct arg *a) {
  (void)c;
  struct leaving l = {.talk = {
    .protocol = NETLINK_ROUTE, .bytes = (char *)(uintptr_t)a[1].str, .len = a[1].len, .ignore = (uint32_t)a[2].num}};
  if (a[1].len < sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg)) return EPROTO;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = find_link(&l.link, &a[0], fd);
  bool is_later = err == 0 && a[3].num == LATER && leaving_count < LEAVING;
  if (is_later) err = set_down(&l.link, fd);
  close(fd);
  if (err != 0) return (uint32_t)err == l.talk.ignore ? 0 : err;
  if (!is_later) return take_away(&l, a[3].num != ASIDE);
  leaving[leaving_count++] = l;
  return 0;
}

/* Its address may be somebody else's only then. Nothing to wait for where nobody takes it away. */
int op_await_link(struct ctx *c, const struct arg *a) {
  (void)c;
  for (unsigned i = 0; i < leaving_count; i++)
    if (leaving[i].by > 0 && strcmp(leaving[i].link.ifr_name, a[0].str) == 0) return await_link(&leaving[i]);
  return 0;
}

bool links_are_left(void) {
  for (unsigned i = 0; i < leaving_count; i++)
    if (leaving[i].by == 0) return true;
  return false;
}

void links_take_away(void) {
  for (unsigned i = 0; i < leaving_count; i++)
    if (leaving[i].by == 0) (void)take_away(&leaving[i], true);
}
