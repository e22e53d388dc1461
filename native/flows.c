/* Connection tracking: the kernel decides about address translation once, with the first packet of a flow, and keeps to
 * that for as long as packets come. What it decided before a port was published, or while another had it, is forgotten. */
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "interp.h"

/* Attributes one after the other. */
struct part { const char *at; size_t len; };

/* What is in the first attribute of this type; { NULL, 0 } when there is none. */
static struct part inside(struct part p, unsigned type) {
  while (p.len >= sizeof(struct nlattr)) {
    struct nlattr a;
    memcpy(&a, p.at, sizeof a);
    if (a.nla_len < sizeof a || a.nla_len > p.len) break;
    if ((a.nla_type & NLA_TYPE_MASK) == type) return (struct part){p.at + sizeof a, a.nla_len - sizeof a};
    size_t whole = NLA_ALIGN((size_t)a.nla_len);
    if (whole > p.len) break;
    p = (struct part){p.at + whole, p.len - whole};
  }
  return (struct part){NULL, 0};
}

/* `reply`: where its answers come from; else where it was sent to. An empty address: any. Ports: `first` and `count`. */
struct which { uint8_t protocol; struct part ip; uint32_t first, count; bool reply; };

static bool same(struct part a, struct part b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* IPv4 or IPv6, whichever it is of. */
static struct part address(struct part flow, unsigned tuple, bool source) {
  struct part ip = inside(inside(flow, tuple), CTA_TUPLE_IP);
  struct part four = inside(ip, source ? CTA_IP_V4_SRC : CTA_IP_V4_DST);
  return four.at != NULL ? four : inside(ip, source ? CTA_IP_V6_SRC : CTA_IP_V6_DST);
}

static bool matches(const struct which *w, struct part flow) {
  struct part tuple = inside(flow, w->reply ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG);
  struct part proto = inside(tuple, CTA_TUPLE_PROTO), number = inside(proto, CTA_PROTO_NUM);
  struct part port = inside(proto, w->reply ? CTA_PROTO_SRC_PORT : CTA_PROTO_DST_PORT);
  if (number.len != 1 || (uint8_t)number.at[0] != w->protocol || port.len != 2) return false;
  uint32_t at = (uint32_t)(uint8_t)port.at[0] << 8 | (uint8_t)port.at[1];
  if (at < w->first || at - w->first >= w->count) return false;
  struct part source = address(flow, CTA_TUPLE_ORIG, true), back = address(flow, CTA_TUPLE_REPLY, false);
  /* Masqueraded on its way out: to that port of another host, not of this one. */
  if (!w->reply && !same(source, back)) return false;
  return w->ip.len == 0 || same(address(flow, w->reply ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG, w->reply), w->ip);
}

static int talk(int fd, const void *bytes, size_t len) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  return sendto(fd, bytes, len, 0, (struct sockaddr *)&kernel, sizeof kernel) == (ssize_t)len ? 0 : errno;
}

/* This very entry: its id is in the message. One that is gone meanwhile, or in the hands of a network card, is no failure. */
static int forget(int fd, const struct nfgenmsg *head, struct part flow) {
  static const unsigned kept[] = {CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID};
  struct { _Alignas(4) struct nlmsghdr h; struct nfgenmsg g; char attributes[512]; } m = {
    .h = {.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
    .g = *head,
  };
  size_t len = 0;
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    struct part p = inside(flow, kept[i]);
    if (p.at == NULL) continue;
    size_t whole = sizeof(struct nlattr) + p.len;
    if (NLA_ALIGN(whole) > sizeof m.attributes - len) return EPROTO;
    memcpy(m.attributes + len, p.at - sizeof(struct nlattr), whole);
    len += NLA_ALIGN(whole);
  }
  m.h.nlmsg_len = (uint32_t)(sizeof m.h + sizeof m.g + len);
  int err = talk(fd, &m, m.h.nlmsg_len);
  if (err != 0) return err;
  struct { _Alignas(4) struct nlmsghdr h; struct nlmsgerr e; char rest[1024]; } answer;
  ssize_t n = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
  if (n < (ssize_t)(sizeof answer.h + sizeof answer.e.error) || answer.h.nlmsg_type != NLMSG_ERROR) return EPROTO;
  return answer.e.error == -ENOENT || answer.e.error == -EBUSY ? 0 : -answer.e.error;
}

/* One packet of the list. Sets *done with the last one, and what the kernel says of the list itself. */
static int read_packet(const struct which *w, const char *bytes, size_t len, int fd, bool *done, int *listed) {
  for (size_t at = 0; len - at >= sizeof(struct nlmsghdr);) {
    struct nlmsghdr h;
    memcpy(&h, bytes + at, sizeof h);
    if (h.nlmsg_len < sizeof h || h.nlmsg_len > len - at) return EPROTO;
    *done = h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR;
    if (*done) {
      if (h.nlmsg_len >= sizeof h + sizeof *listed) memcpy(listed, bytes + at + sizeof h, sizeof *listed);
      return 0;
    }
    struct nfgenmsg head;
    size_t before = sizeof h + sizeof head;
    if (h.nlmsg_len >= before) {
      memcpy(&head, bytes + at + sizeof h, sizeof head);
      struct part flow = {bytes + at + before, h.nlmsg_len - before};
      int err = matches(w, flow) ? forget(fd, &head, flow) : 0;
      if (err != 0) return err;
    }
    size_t whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
    if (whole > len - at) break;
    at += whole;
  }
  return 0;
}

/* The question asks for a list, which the kernel may have narrowed down (CTA_FILTER, since Linux 5.8); what is deleted
 * is decided here. A kernel without this list (nf_conntrack_netlink) has none to tell of, and keeps what it has. */
int op_forget_flows(struct ctx *c, const struct arg *a) {
  (void)c;
  /* The kernel makes its packets no longer than this; more would stay in the monitor. */
  _Alignas(8) char bytes[8192];
  struct which w = {
    .protocol = (uint8_t)a[1].num,
    .ip = {a[2].str, a[2].len},
    .first = (uint32_t)a[3].num,
    .count = (uint32_t)a[4].num,
    .reply = a[5].num != 0,
  };
  int list = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  int err = list < 0 || fd < 0 ? errno : talk(list, a[0].str, a[0].len);
  int listed = 0;
  for (bool done = false; err == 0 && !done;) {
    ssize_t n = recv(list, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EINTR) continue;
    err = n <= 0 ? (n < 0 ? errno : EPROTO) : read_packet(&w, bytes, (size_t)n, fd, &done, &listed);
  }
  if (list >= 0) close(list);
  if (fd >= 0) close(fd);
  return err != 0 || listed == -EINVAL || listed == -EOPNOTSUPP ? err : -listed;
}
