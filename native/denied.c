#include "denied.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dns.h"
#include "events.h"
#include "interp.h"
#include "util.h"

/* Names refused, for `network denied`, in a file beside the container's record: so many records, the oldest makes room. Drawn in
 * src/engine/denied.ts. */
#define NAMES 256
struct record {
  uint64_t count, last_ms;         /* Unix time */
  char name[DNS_NAME];
};
struct seen {
  uint64_t hash, count, last_ms;
};
static struct seen seen[NAMES];

static HOT char names_path[PATH_BYTES], packets_path[PATH_BYTES];

/* One nfnetlink request after the other. */
static uint8_t requests[256];
static HOT size_t requests_len;

/* So many events at once, and one a second after that: a program that tries everything fills no disk. */
#define BURST 32
static uint64_t tokens_at, tokens;

static bool may_tell(void) {
  uint64_t now = now_ms();
  uint64_t gained = tokens_at == 0 ? BURST : (now - tokens_at) / 1000;
  if (gained > 0) {
    tokens = tokens + gained > BURST ? BURST : tokens + gained;
    tokens_at = now;
  }
  return tokens > 0 && tokens-- > 0;
}

/* FNV-1a. */
static uint64_t hash_of(const char *name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (; *name != 0; name++) hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
  return hash;
}

static void write_record(uint32_t place, const struct record *r) {
  int fd = open(names_path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return;
  (void)pwrite(fd, r, sizeof *r, (off_t)(place * sizeof *r));
  close(fd);
}

static char *add(char *to, const char *text) {
  size_t n = strlen(text);
  memcpy(to, text, n + 1);
  return to + n;
}

void denied_name(const char *name) {
  struct record r = {0};
  struct timespec now;
  uint64_t hash = hash_of(name);
  uint32_t place = 0;
  clock_gettime(CLOCK_REALTIME, &now);
  r.last_ms = (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
  for (uint32_t i = 0; i < NAMES; i++) {
    if (seen[i].hash == hash && seen[i].count > 0) {
      place = i;
      break;
    }
    if (seen[i].last_ms < seen[place].last_ms) place = i;
  }
  struct seen *s = &seen[place];
  bool is_new = s->hash != hash || s->count == 0;
  *s = (struct seen){hash, is_new ? 1 : s->count + 1, r.last_ms};
  r.count = s->count;
  memcpy(r.name, name, strlen(name));
  write_record(place, &r);
  if (!is_new || !may_tell()) return;
  char more[DNS_NAME + 16], *end = add(more, "\"domain\":\"");
  /* What stands in a name may be anything: quotes and control characters are no part of a domain one would allow. */
  for (const char *p = name; *p != 0; p++)
    *end++ = (unsigned char)*p > ' ' && (unsigned char)*p < 0x7f && *p != '"' && *p != '\\' ? *p : '?';
  add(end, "\",");
  event("egress-denied", more);
}

static void tell_packet(const uint8_t *ip, size_t len) {
  struct dns_address to;
  uint8_t protocol;
  size_t head;
  if (len >= 20 && ip[0] >> 4 == 4) {
    to.len = 4;
    memcpy(to.bytes, ip + 16, 4);
    protocol = ip[9];
    head = (size_t)(ip[0] & 15) * 4;
  } else if (len >= 40 && ip[0] >> 4 == 6) {
    to.len = 16;
    memcpy(to.bytes, ip + 24, 16);
    protocol = ip[6];
    head = 40;
    /* RFC 8200 4.1: hop-by-hop options, routing, destination options. */
    while ((protocol == 0 || protocol == 43 || protocol == 60) && head + 8 <= len) {
      protocol = ip[head];
      head += ((size_t)ip[head + 1] + 1) * 8;
    }
  } else return;
  char more[160], *end = add(more, "\"address\":\"");
  address_text(&to, end);
  end = add(end + strlen(end), "\",\"protocol\":\"");
  bool ports = (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) && head + 4 <= len;
  unsigned number = ports ? dns_u16(ip + head + 2) : protocol;
  char digits[8];
  size_t at = sizeof digits;
  digits[--at] = 0;
  do digits[--at] = (char)('0' + number % 10); while ((number /= 10) != 0);
  if (ports) {
    end = add(end, protocol == IPPROTO_TCP ? "tcp" : "udp");
    end = add(end, "\",\"port\":\"");
  }
  end = add(end, digits + at);
  add(end, "\",");
  event("egress-denied", more);
}

/* linux/netfilter/nfnetlink_log.h: one logged packet, its first bytes in NFULA_PAYLOAD. */
static void read_packet(const uint8_t *message, size_t len) {
  size_t at = NLMSG_LENGTH(sizeof(struct nfgenmsg));
  while (at <= len && len - at >= sizeof(struct nlattr)) {
    struct nlattr attribute;
    memcpy(&attribute, message + at, sizeof attribute);
    if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > len - at) return;
    if ((attribute.nla_type & NLA_TYPE_MASK) == NFULA_PAYLOAD) {
      if (may_tell()) tell_packet(message + at + NLA_HDRLEN, attribute.nla_len - NLA_HDRLEN);
      return;
    }
    at += NLA_ALIGN((size_t)attribute.nla_len);
  }
}

void denied_packets(int fd) {
  static _Alignas(8) uint8_t bytes[16384];
  for (int i = 0; i < 8; i++) {
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n <= 0) return;
    for (size_t at = 0; (size_t)n - at >= sizeof(struct nlmsghdr);) {
      struct nlmsghdr h;
      memcpy(&h, bytes + at, sizeof h);
      if (h.nlmsg_len < sizeof h || h.nlmsg_len > (size_t)n - at) break;
      if (h.nlmsg_type == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)) read_packet(bytes + at, h.nlmsg_len);
      size_t whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
      at += whole < (size_t)n - at ? whole : (size_t)n - at;
    }
  }
}

void denied_begin(void) {
  if (requests_len == 0) return;
  (void)unlink(names_path);
  (void)unlink(packets_path);
}

void denied_finish(void) {
  if (mon.dns[DNS_NFT] < 0 || requests_len == 0) return;
  int fd = open(packets_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return;
  for (size_t at = 0; requests_len - at >= sizeof(struct nlmsghdr);) {
    struct nlmsghdr h;
    memcpy(&h, requests + at, sizeof h);
    if (h.nlmsg_len < sizeof h || h.nlmsg_len > requests_len - at) break;
    if (nft_dump(mon.dns[DNS_NFT], requests + at, h.nlmsg_len, fd) != 0) break;
    at += h.nlmsg_len;
  }
  close(fd);
}

int op_denied_files(struct ctx *c, const struct arg *a) {
  (void)c;
  if (a[0].len >= PATH_BYTES || a[1].len >= PATH_BYTES) return ENAMETOOLONG;
  if (a[2].len > sizeof requests) return EINVAL;
  memcpy(names_path, a[0].str, a[0].len + 1);
  memcpy(packets_path, a[1].str, a[1].len + 1);
  memcpy(requests, a[2].str, a[2].len);
  requests_len = a[2].len;
  return 0;
}
