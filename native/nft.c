/* nfnetlink: the packet filter of the network namespace a step runs in. */
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "denied.h"
#include "interp.h"
#include "monitor.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static int open_netfilter(size_t len) {
  int on = 1, room = (int)(2 * len), fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd >= 0) (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  /* A batch is one message to the socket; how long that may be is what it may hold to send. socket(7). */
  if (fd >= 0 && len > 65536) (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
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
  int fd = open_netfilter(a[0].len);
  if (fd < 0) return errno;
  ssize_t n = sendto(fd, a[0].str, a[0].len, 0, (struct sockaddr *)&kernel, sizeof kernel);
  int err = n != (ssize_t)a[0].len ? errno : first_refusal(fd);
  close(fd);
  return err;
}

int nft_dump(int fd, const void *request, size_t len, int out) {
  static _Alignas(8) char bytes[65536];
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (sendto(fd, request, len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) return errno;
  for (;;) {
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : EPROTO;
    int err = write_all(out, bytes, (size_t)n);
    if (err != 0) return err;
    for (size_t at = 0; (size_t)n - at >= sizeof(struct nlmsghdr);) {
      struct nlmsghdr h;
      memcpy(&h, bytes + at, sizeof h);
      if (h.nlmsg_len < sizeof h || h.nlmsg_len > (size_t)n - at) return EPROTO;
      if (h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR) return 0;
      size_t whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
      at += whole < (size_t)n - at ? whole : (size_t)n - at;
    }
  }
}

int op_nft_dump(struct ctx *c, const struct arg *a) {
  (void)c;
  int fd = open_netfilter(0);
  if (fd < 0) return errno;
  int err = nft_dump(fd, a[0].str, a[0].len, STDOUT_FILENO);
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
  int fd = open_netfilter(0);
  if (fd < 0) return errno;
  if (connect(fd, (struct sockaddr *)&kernel, sizeof kernel) < 0) {
    int err = errno;
    close(fd);
    return err;
  }
  int err = hand_over(c, DNS_NFT, fd);
  if (err != 0) return err;
  fd = open_netfilter(0);
  if (fd < 0) return errno;
  ssize_t n = sendto(fd, a[0].str, a[0].len, 0, (struct sockaddr *)&kernel, sizeof kernel);
  if (n == (ssize_t)a[0].len && first_refusal(fd) == 0) return hand_over(c, DNS_NFLOG, fd);
  close(fd);
  return 0;
}
