/* What a limited container may reach: names from a file, addresses through the packet filter of its own namespace. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns.h"
#include "denied.h"

#define RULES_BYTES 32768
#define TEMPLATE_BYTES 1024
#define PLACES 4

/* A batch of nfnetlink messages that puts one address into a set, made in src/network/nft-egress.ts; where the
 * address and the time it stays go is filled in here. */
struct element {
  uint32_t len;
  uint16_t address[PLACES], timeout[PLACES];   /* offsets; 0: no more */
  uint8_t bytes[TEMPLATE_BYTES];
};
static struct element elements[2];             /* IPv4, IPv6 */
static uint32_t least_s, most_s;
static bool limited_now;

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

bool egress_refuses(const char *name, bool *limited) {
  static char rules[RULES_BYTES];
  int fd = open(dns_config.egress, O_RDONLY | O_CLOEXEC);
  /* Whatever else keeps the file from being read, the container is limited. */
  *limited = limited_now = fd >= 0 || errno != ENOENT;
  if (!*limited) return false;
  ssize_t n = fd < 0 ? -1 : read(fd, rules, sizeof rules);
  if (fd >= 0) close(fd);
  if (n == 1 && rules[0] == '*') {
    *limited = limited_now = false;
    return false;
  }
  return n < 0 || !is_allowed(rules, (size_t)n, name);
}

/* A name of somebody else's must not open the way to this host, to what is on its own wire only (the address that clouds
 * answer metadata at is one of those), or to many at once. */
static bool may_learn(const struct dns_address *a) {
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, none[15];
  const uint8_t *b = a->bytes;
  if (a->len == 4) return b[0] != 0 && b[0] != 127 && !(b[0] == 169 && b[1] == 254) && b[0] < 224;
  if (memcmp(b, none, sizeof none) == 0 || memcmp(b, mapped, sizeof mapped) == 0) return false;
  return b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

static void put_address(const struct dns_address *a, uint64_t timeout_ms) {
  static uint8_t message[TEMPLATE_BYTES];
  _Alignas(8) char answer[1024];
  const struct element *e = &elements[a->len == 4 ? 0 : 1];
  if (e->len == 0) return;
  memcpy(message, e->bytes, e->len);
  for (int i = 0; i < PLACES && e->address[i] != 0; i++) memcpy(message + e->address[i], a->bytes, a->len);
  for (int i = 0; i < PLACES && e->timeout[i] != 0; i++)
    for (int byte = 0; byte < 8; byte++) message[e->timeout[i] + byte] = (uint8_t)(timeout_ms >> (56 - 8 * byte));
  /* The kernel carries it out within the call, so the way is open before the program hears the address. */
  if (send(mon.dns[DNS_NFT], message, e->len, MSG_NOSIGNAL) < 0) return;
  while (recv(mon.dns[DNS_NFT], answer, sizeof answer, MSG_DONTWAIT) > 0) {}
}

void egress_learn(const uint8_t *bytes, size_t len) {
  struct dns_address address;
  uint32_t ttl;
  if (!limited_now || mon.dns[DNS_NFT] < 0) return;
  for (size_t at = 0; dns_next_address(bytes, len, &at, &address, &ttl);) {
    if (!may_learn(&address)) continue;
    if (ttl < least_s) ttl = least_s;
    if (ttl > most_s) ttl = most_s;
    put_address(&address, (uint64_t)ttl * 1000);
  }
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
  if (!read_places(e->address, &a[2], a[1].len, size) || !read_places(e->timeout, &a[3], a[1].len, 8)) return EINVAL;
  memcpy(e->bytes, a[1].str, a[1].len);
  e->len = a[1].len;
  least_s = (uint32_t)a[4].num;
  most_s = (uint32_t)a[5].num;
  return 0;
}
