/*
 * floor DIRECTORY N: the least that a container on a network is made of, in C and nothing else: a bridge with an address, a
 * veth pair with one end on it, namespaces, an overlay of DIRECTORY/lower, pivot_root, an address, a route, and execve of
 * DIRECTORY/lower's /bin/busybox as `true`. N makes the names and the subnet. No cgroup, no /proc, no /dev, no seccomp, no
 * record, no log: what an engine adds to this is its own.
 * Exits with the program's code. Of all this the bridge stays, for whoever made the network namespace to take away.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(125);
}

/* A netlink message that grows. */
struct message {
  struct nlmsghdr head;
  char rest[512];
};

static void *grow(struct message *m, size_t size) {
  void *at = (char *)m + NLMSG_ALIGN(m->head.nlmsg_len);
  m->head.nlmsg_len = NLMSG_ALIGN(m->head.nlmsg_len) + size;
  return at;
}

static struct rtattr *put(struct message *m, int type, const void *data, size_t size) {
  struct rtattr *attr = grow(m, RTA_LENGTH(size));
  attr->rta_type = type;
  attr->rta_len = RTA_LENGTH(size);
  if (size > 0) memcpy(RTA_DATA(attr), data, size);
  return attr;
}

static void close_nest(struct message *m, struct rtattr *nest) {
  nest->rta_len = (char *)m + m->head.nlmsg_len - (char *)nest;
}

static void talk(int s, struct message *m, int type, int flags, const char *what) {
  m->head.nlmsg_type = type;
  m->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
  must(send(s, m, m->head.nlmsg_len, 0) == (ssize_t)m->head.nlmsg_len, what);
  struct {
    struct nlmsghdr head;
    struct nlmsgerr error;
    char more[512];
  } answer;
  must(recv(s, &answer, sizeof answer, 0) > 0, what);
  errno = answer.head.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
  must(errno == 0, what);
}

static void up(int s, int index) {
  struct message m = {.head.nlmsg_len = NLMSG_LENGTH(0)};
  struct ifinfomsg *info = grow(&m, sizeof *info);
  *info = (struct ifinfomsg){.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  talk(s, &m, RTM_NEWLINK, 0, "link up");
}

static void make_pair(int s, const char *name, int bridge, pid_t peer) {
  struct message m = {.head.nlmsg_len = NLMSG_LENGTH(0)};
  struct ifinfomsg *info = grow(&m, sizeof *info);
  *info = (struct ifinfomsg){.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  put(&m, IFLA_IFNAME, name, strlen(name) + 1);
  put(&m, IFLA_MASTER, &bridge, sizeof bridge);
  struct rtattr *link = put(&m, IFLA_LINKINFO, NULL, 0);
  put(&m, IFLA_INFO_KIND, "veth", 5);
  struct rtattr *data = put(&m, IFLA_INFO_DATA, NULL, 0);
  struct rtattr *other = put(&m, VETH_INFO_PEER, NULL, 0);
  memset(grow(&m, sizeof *info), 0, sizeof *info);
  put(&m, IFLA_IFNAME, "eth0", 5);
  put(&m, IFLA_NET_NS_PID, &peer, sizeof peer);
  close_nest(&m, other);
  close_nest(&m, data);
  close_nest(&m, link);
  talk(s, &m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "veth");
}

static void address(int s, int index, struct in_addr own, struct in_addr gateway) {
  struct message m = {.head.nlmsg_len = NLMSG_LENGTH(0)};
  struct ifaddrmsg *a = grow(&m, sizeof *a);
  *a = (struct ifaddrmsg){.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = index};
  put(&m, IFA_LOCAL, &own, sizeof own);
  talk(s, &m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "address");
  up(s, index);
  struct message r = {.head.nlmsg_len = NLMSG_LENGTH(0)};
  struct rtmsg *route = grow(&r, sizeof *route);
  *route = (struct rtmsg){.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT, .rtm_type = RTN_UNICAST};
  put(&r, RTA_GATEWAY, &gateway, sizeof gateway);
  talk(s, &r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, "route");
}

static int make_bridge(int s, const char *name, struct in_addr own) {
  struct message m = {.head.nlmsg_len = NLMSG_LENGTH(0)};
  struct ifinfomsg *info = grow(&m, sizeof *info);
  *info = (struct ifinfomsg){.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  put(&m, IFLA_IFNAME, name, strlen(name) + 1);
  struct rtattr *link = put(&m, IFLA_LINKINFO, NULL, 0);
  put(&m, IFLA_INFO_KIND, "bridge", 7);
  close_nest(&m, link);
  talk(s, &m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "bridge");
  int index = if_nametoindex(name);
  struct message r = {.head.nlmsg_len = NLMSG_LENGTH(0)};
  struct ifaddrmsg *a = grow(&r, sizeof *a);
  *a = (struct ifaddrmsg){.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = index};
  put(&r, IFA_LOCAL, &own, sizeof own);
  talk(s, &r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "bridge address");
  return index;
}

static int netlink(void) {
  int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  must(s >= 0, "netlink");
  return s;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int n = atoi(argv[2]), ready[2];
  must(chdir(argv[1]) == 0, argv[1]);
  char name[IFNAMSIZ], over[IFNAMSIZ], upper[64], work[64], options[256];
  snprintf(name, sizeof name, "veth%d", n);
  snprintf(over, sizeof over, "bridge%d", n);
  snprintf(upper, sizeof upper, "upper%d", n);
  snprintf(work, sizeof work, "work%d", n);
  snprintf(options, sizeof options, "lowerdir=lower,upperdir=%s,workdir=%s", upper, work);
  must(mkdir(upper, 0755) == 0 && mkdir(work, 0755) == 0, upper);
  struct in_addr gateway = {htonl(0x0a800001u + (unsigned)n * 256)};
  must(pipe2(ready, O_CLOEXEC) == 0, "pipe");
  struct clone_args args = {
      .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC, .exit_signal = SIGCHLD};
  pid_t pid = syscall(SYS_clone3, &args, sizeof args);
  must(pid >= 0, "clone3");
  if (pid == 0) {
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private");
    must(mount("overlay", "lower", "overlay", 0, options) == 0, options);
    must(chdir("lower") == 0 && syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0, "pivot_root");
    char go;
    must(read(ready[0], &go, 1) == 1, "ready");
    int s = netlink();
    up(s, 1);
    struct in_addr own = {htonl(0x0a800002u + (unsigned)n * 256)};
    address(s, if_nametoindex("eth0"), own, gateway);
    execl("/bin/busybox", "true", (char *)NULL);
    must(0, "/bin/busybox");
  }
  int s = netlink();
  make_pair(s, name, make_bridge(s, over, gateway), pid);
  must(write(ready[1], "", 1) == 1, "ready");
  int status;
  must(waitpid(pid, &status, 0) == pid, "wait");
  char inner[80];
  snprintf(inner, sizeof inner, "%s/work", work);
  must(rmdir(upper) == 0 && rmdir(inner) == 0 && rmdir(work) == 0, upper);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
