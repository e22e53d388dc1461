/* nfnetlink: the packet filter of the network namespace a step runs in. */
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "interp.h"
#include "monitor.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static int open_netfilter(void) {
  int on = 1, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd >= 0) (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  return fd;
}

/* All answers are there when send(2) returns: nfnetlink carries a batch out within the call. The first refusal counts,
 * those after it may follow from it. */
static int first_refusal(int fd) {
  _Alignas(8) char bytes[8192];
  int first = 0;
  for (;;) {
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 && errno != EAGAIN && first == 0 ? errno : first;
    for (size_t at = 0; (size_t)n - at >= sizeof(struct nlmsghdr);) {
      struct nlmsghdr h;
      struct nlmsgerr e;
      memcpy(&h, bytes + at, sizeof h);
      if (h.nlmsg_len < sizeof h || h.nlmsg_len > (size_t)n - at) return EPROTO;
      if (h.nlmsg_type == NLMSG_ERROR && h.nlmsg_len >= sizeof h + sizeof e) {
        memcpy(&e, bytes + at + sizeof h, sizeof e);
        if (e.error != 0 && first == 0) first = -e.error;
      }
      size_t whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
      at += whole < (size_t)n - at ? whole : (size_t)n - at;
    }
  }
}

/* A batch is carried out whole or not at all. */
int op_nft_batch(struct ctx *c, const struct arg *a) {
  (void)c;
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  int fd = open_netfilter();
  if (fd < 0) return errno;
  ssize_t n = sendto(fd, a[0].str, a[0].len, 0, (struct sockaddr *)&kernel, sizeof kernel);
  int err = n != (ssize_t)a[0].len ? errno : first_refusal(fd);
  close(fd);
  return err;
}

/* Requests that list something: all that the kernel answers goes to standard output, as it is. */
int op_nft_dump(struct ctx *c, const struct arg *a) {
  (void)c;
  static _Alignas(8) char bytes[65536];
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  int fd = open_netfilter();
  if (fd < 0) return errno;
  int err = 0;
  bool done = false;
  if (sendto(fd, a[0].str, a[0].len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) err = errno;
  while (err == 0 && !done) {
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) err = n < 0 ? errno : EPROTO;
    else err = write_all(STDOUT_FILENO, bytes, (size_t)n);
    for (size_t at = 0; err == 0 && (size_t)n - at >= sizeof(struct nlmsghdr);) {
      struct nlmsghdr h;
      memcpy(&h, bytes + at, sizeof h);
      if (h.nlmsg_len < sizeof h || h.nlmsg_len > (size_t)n - at) err = EPROTO;
      if (h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR) done = true;
      size_t whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
      at += whole < (size_t)n - at ? whole : (size_t)n - at;
    }
  }
  close(fd);
  return err;
}

static int hand_over(struct ctx *c, uint32_t which, int fd) {
  struct sync_msg m = {.kind = SYNC_SOCKET, .step = which};
  int err = sync_send(c->sync, &m, NULL, fd);
  close(fd);
  return err;
}

/* For the monitor, which is in another network namespace: a socket to this one's filter, and one that hears what its
 * rules log. A kernel that logs no packets tells of none; nothing else depends on it. */
int op_filter_sockets(struct ctx *c, const struct arg *a) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  int fd = open_netfilter();
  if (fd < 0) return errno;
  if (connect(fd, (struct sockaddr *)&kernel, sizeof kernel) < 0) {
    int err = errno;
    close(fd);
    return err;
  }
  int err = hand_over(c, DNS_NFT, fd);
  if (err != 0) return err;
  fd = open_netfilter();
  if (fd < 0) return errno;
  ssize_t n = sendto(fd, a[0].str, a[0].len, 0, (struct sockaddr *)&kernel, sizeof kernel);
  if (n == (ssize_t)a[0].len && first_refusal(fd) == 0) return hand_over(c, DNS_NFLOG, fd);
  close(fd);
  return 0;
}
