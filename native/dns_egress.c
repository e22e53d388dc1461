/* What a limited container may reach: names from a file, addresses through the packet filter of its own namespace. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns.h"
#include "denied.h"

#define RULES_BYTES 32768
#define TEMPLATE_BYTES 1024
#define PLACES 4

/* The list's number in hexadecimal, as it stands in the names of its sets. */
#define MARK_BYTES 8
/* Of a name: what an element's comment has room for. A longer one is left out. */
#define NAME_BYTES 127

/* A batch of nfnetlink messages that puts one address into a set, made in src/network/egress-filter.ts; where the
 * address, the time it stays, the mark and the name go is filled in here. */
struct element {
  uint32_t len;
  uint16_t address[PLACES], timeout[PLACES], mark[PLACES], name[PLACES];   /* offsets; 0: no more */
  uint8_t bytes[TEMPLATE_BYTES];
};
static struct element elements[2];             /* IPv4, IPv6 */
static uint32_t least_s, most_s;
static bool learning;
static char mark_now[MARK_BYTES];

static bool matches(const char *rule, size_t len, const char *name) {
  size_t n = strlen(name);
  if (len == 0 || rule[0] == '#') return false;
  /* ".example.org": everything below it. */
  if (rule[0] == '.') return n > len && memcmp(name + n - len, rule, len) == 0;
  return n == len && memcmp(name, rule, len) == 0;
}

static bool is_allowed(const char *rules, size_t len, const char *name) {
  for (size_t at = 0; at < len;) {
    const char *end = memchr(rules + at, '\n', len - at);
    size_t n = end == NULL ? len - at : (size_t)(end - rules) - at;
    if (matches(rules + at, n, name)) return true;
    at += n + 1;
  }
  return false;
}

/* "#<mark>", then "*" or the names, a line each. It is replaced by a rename: what is read is one list. */
bool egress_refuses(const char *name, bool *limited) {
  static char rules[RULES_BYTES];
  const size_t head = 1 + MARK_BYTES + 1;
  *limited = learning = dns_config.egress[0] != 0;
  if (!*limited) return false;
  /* Whatever keeps the file from being read: nothing is allowed. */
  int fd = open(dns_config.egress, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, rules, sizeof rules);
  if (fd >= 0) close(fd);
  if (n < (ssize_t)head || rules[0] != '#') return true;
  memcpy(mark_now, rules + 1, MARK_BYTES);
  if (n > (ssize_t)head && rules[head] == '*') {
    *limited = false;
    return false;
  }
  return !is_allowed(rules + head, (size_t)n - head, name);
}

/* The first refusal in the kernel's answer; 0: none. */
static int refusal(void) {
  _Alignas(8) char answer[1024];
  int err = 0;
  for (;;) {
    ssize_t n = recv(mon.dns[DNS_NFT], answer, sizeof answer, MSG_DONTWAIT);
    if (n <= 0) return err;
    struct nlmsghdr h;
    struct nlmsgerr e;
    if ((size_t)n < sizeof h + sizeof e) continue;
    memcpy(&h, answer, sizeof h);
    memcpy(&e, answer + sizeof h, sizeof e);
    if (h.nlmsg_type == NLMSG_ERROR && err == 0) err = -e.error;
  }
}

static int put_address(const struct dns_address *a, const char *name, uint64_t timeout_ms) {
  static uint8_t message[TEMPLATE_BYTES];
  const struct element *e = &elements[a->len == 4 ? 0 : 1];
  if (e->len == 0) return 0;
  memcpy(message, e->bytes, e->len);
  for (int i = 0; i < PLACES && e->address[i] != 0; i++) memcpy(message + e->address[i], a->bytes, a->len);
  for (int i = 0; i < PLACES && e->mark[i] != 0; i++) memcpy(message + e->mark[i], mark_now, MARK_BYTES);
  size_t len = strlen(name);
  for (int i = 0; i < PLACES && e->name[i] != 0; i++) {
    memset(message + e->name[i], 0, NAME_BYTES);
    if (len < NAME_BYTES) memcpy(message + e->name[i], name, len);
  }
  for (int i = 0; i < PLACES && e->timeout[i] != 0; i++)
    for (int byte = 0; byte < 8; byte++) message[e->timeout[i] + byte] = (uint8_t)(timeout_ms >> (56 - 8 * byte));
  /* The kernel carries it out within the call, so the way is open before the program hears the address. */
  return send(mon.dns[DNS_NFT], message, e->len, MSG_NOSIGNAL) < 0 ? errno : refusal();
}

bool egress_learn(const char *name, const uint8_t *bytes, size_t len) {
  struct dns_address address;
  uint32_t ttl;
  if (!learning || mon.dns[DNS_NFT] < 0) return true;
  for (size_t at = 0; dns_next_address(bytes, len, &at, &address, &ttl);) {
    if (ttl < least_s) ttl = least_s;
    if (ttl > most_s) ttl = most_s;
    /* No such set: the list is being changed this moment. A full one keeps no answer back. */
    if (put_address(&address, name, (uint64_t)ttl * 1000) == ENOENT) return false;
  }
  return true;
}

bool egress_learn_forwarded(const uint8_t *query, size_t query_len, const uint8_t *bytes, size_t len) {
  struct dns_query q;
  bool limited;
  if (mon.dns[DNS_NFT] < 0 || dns_parse(&q, query, query_len) < 0) return true;
  return egress_refuses(q.name, &limited) || egress_learn(q.name, bytes, len);
}

static bool read_places(uint16_t *to, const struct arg *a, uint32_t len, uint32_t size) {
  if (a->len % 2 != 0 || a->len / 2 > PLACES) return false;
  memset(to, 0, PLACES * sizeof *to);
  memcpy(to, a->str, a->len);
  for (uint32_t i = 0; i < a->len / 2; i++)
    if (to[i] == 0 || (uint32_t)to[i] + size > len) return false;
  return true;
}

int op_egress_element(struct ctx *c, const struct arg *a) {
  (void)c;
  if (a[0].num > 1 || a[1].len > TEMPLATE_BYTES) return EINVAL;
  struct element *e = &elements[a[0].num];
  uint32_t size = a[0].num == 0 ? 4 : 16;
  if (!read_places(e->address, &a[2], a[1].len, size) || !read_places(e->timeout, &a[3], a[1].len, 8) ||
      !read_places(e->mark, &a[4], a[1].len, MARK_BYTES) || !read_places(e->name, &a[5], a[1].len, NAME_BYTES))
    return EINVAL;
  memcpy(e->bytes, a[1].str, a[1].len);
  e->len = a[1].len;
  least_s = (uint32_t)a[6].num;
  most_s = (uint32_t)a[7].num;
  return 0;
}
