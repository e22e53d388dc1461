/* The resolver's sockets, and what becomes of each query. */
#include "dns.h"

#include <fcntl.h>
#include <linux/if.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "denied.h"
#include "interp.h"
#include "util.h"

#define BLOCKED 15               /* RFC 8914 4.16 */
#define BATCH 16                 /* queries answered before the container's output has its turn */

HOT struct dns_config dns_config;
uint8_t dns_packet[DNS_ANSWER_BYTES];

uint16_t dns_random(void) {
  uint16_t value = 0;
  while (getrandom(&value, sizeof value, 0) < 0 && errno == EINTR) {}
  return value;
}

/* src/engine/internal-mark.ts: no way out of its networks, so none for names. */
static bool is_internal(void) {
  static const char mark[] = "/.internal";
  char path[PATH_BYTES + sizeof mark];
  size_t n = strlen(dns_config.networks);
  memcpy(path, dns_config.networks, n);
  memcpy(path + n, mark, sizeof mark);
  return access(path, F_OK) == 0;
}

size_t dns_respond(struct dns_query *q, const uint8_t *bytes, size_t len, uint8_t *out, size_t room) {
  struct dns_answer a;
  int rcode = dns_parse(q, bytes, len);
  if (rcode < 0) return 0;
  dns_begin(&a, q, out, room);
  bool limited = false, known = false, refused = rcode == NOERROR && egress_refuses(q->name, &limited);
  /* What an address of ours is called, and localhost, lead nowhere. */
  if (rcode == NOERROR && (!refused || q->type == TYPE_PTR || dns_is_localhost(q->name)))
    known = dns_local(q, &a, &rcode);
  if (refused && !known) {
    denied_name(q->name);
    /* No such name: every client takes that as final. At REFUSED musl waits until its time is over, and glibc calls it
     * a failure for the moment, which programs then try again. */
    dns_end(&a, q, NXDOMAIN, BLOCKED);
    return a.len;
  }
  /* Their records hold addresses of their own, which a client may use without asking for them. */
  bool hidden = limited && (q->type == TYPE_HTTPS || q->type == TYPE_SVCB);
  if (rcode == NOERROR && !known && !hidden) {
    if (!is_internal()) return DNS_FORWARD;
    rcode = NXDOMAIN;
  }
  dns_end(&a, q, rcode, -1);
  return !known || egress_learn(q->name, a.bytes, a.len) ? a.len : 0;
}

size_t dns_failed(const uint8_t *query, size_t len, uint8_t *out) {
  struct dns_query q;
  struct dns_answer a;
  if (dns_parse(&q, query, len) < 0) return 0;
  dns_begin(&a, &q, out, DNS_UDP_LEAST);
  dns_end(&a, &q, SERVFAIL, -1);
  return a.len;
}

size_t dns_fit(uint8_t *bytes, size_t len, size_t question_end, size_t most) {
  if (len <= most) return len;
  bytes[2] |= 0x02;
  memset(bytes + 6, 0, 6);
  return question_end;
}

void dns_reply(const struct sockaddr_in *to, const uint8_t *bytes, size_t len) {
  (void)sendto(mon.dns[DNS_UDP], bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to, sizeof *to);
}

static void serve_datagrams(void) {
  static uint8_t bytes[DNS_QUERY_BYTES + 1];
  for (int i = 0; i < BATCH; i++) {
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(mon.dns[DNS_UDP], bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
    if (n < 0) return;
    if (n > DNS_QUERY_BYTES || from.sin_port == 0) continue;
    struct dns_query q;
    size_t len = dns_respond(&q, bytes, (size_t)n, dns_packet, sizeof dns_packet);
    if (len == DNS_FORWARD) forward_query(&q, &from);
    else if (len > 0) {
      /* With whatever of the addresses fits: musl before 1.2.4 does not ask again by TCP. */
      if (len > q.udp_size) len = dns_respond(&q, bytes, (size_t)n, dns_packet, q.udp_size);
      dns_reply(&from, dns_packet, len);
    }
  }
}

int dns_poll(struct pollfd *fds, int n) { return stream_poll(fds, forward_poll(fds, n)); }

int dns_wait_ms(void) {
  uint64_t a = forward_deadline(), b = stream_deadline(), now = now_ms();
  uint64_t first = a < b ? a : b;
  if (first == UINT64_MAX) return -1;
  return first <= now ? 0 : (int)(first - now) + 1;
}

void dns_serve(const struct pollfd *fds, int from, int n) {
  for (int i = from; i < n; i++) {
    const struct pollfd *f = &fds[i];
    if (f->fd < 0 || f->revents == 0) continue;
    if (f->fd == mon.dns[DNS_UDP]) serve_datagrams();
    else if (f->fd == mon.dns[DNS_TCP]) stream_accept(f->fd);
    else if (f->fd == mon.dns[DNS_NFLOG]) denied_packets(f->fd);
    else {
      forward_serve(f);
      stream_serve(f);
    }
  }
  uint64_t now = now_ms();
  forward_overdue(now);
  stream_overdue(now);
  mon.dns_busy = forward_deadline() != UINT64_MAX || stream_deadline() != UINT64_MAX;
}

static int listen_at(int type, uint32_t address) {
  static const char loopback[] = "lo";
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(address)};
  int on = 1, fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  /* Only what comes over the loopback is heard, and a program may still bind port 53 of all its other addresses. */
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, loopback, sizeof loopback) < 0 ||
      bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || (type == SOCK_STREAM && listen(fd, DNS_STREAMS) < 0)) {
    int err = errno;
    close(fd);
    errno = err;
    return -1;
  }
  return fd;
}

/* The sockets belong to the network namespace they are made in, the container's; the monitor, which stays in the
 * host's, gets them through the socketpair. */
int op_resolver(struct ctx *c, const struct arg *a) {
  static const int types[] = {[DNS_UDP] = SOCK_DGRAM, [DNS_TCP] = SOCK_STREAM};
  for (uint32_t i = DNS_UDP; i <= DNS_TCP; i++) {
    int fd = listen_at(types[i], (uint32_t)a[0].num);
    if (fd < 0) return errno;
    struct sync_msg m = {.kind = SYNC_SOCKET, .step = i};
    int err = sync_send(c->sync, &m, NULL, fd);
    close(fd);
    if (err != 0) return err;
  }
  return 0;
}

bool dns_take(uint32_t which, int fd) {
  if (which >= DNS_SOCKETS || mon.dns[which] >= 0) return false;
  mon.dns[which] = fd;
  return true;
}

int op_resolver_config(struct ctx *c, const struct arg *a) {
  (void)c;
  const size_t each = sizeof(struct dns_server);
  if (a[0].len >= PATH_BYTES || a[1].len >= PATH_BYTES) return ENAMETOOLONG;
  if (a[2].len % each != 0 || a[2].len / each > DNS_SERVERS) return EINVAL;
  memcpy(dns_config.networks, a[0].str, a[0].len + 1);
  memcpy(dns_config.egress, a[1].str, a[1].len + 1);
  memcpy(dns_config.servers, a[2].str, a[2].len);
  dns_config.server_count = (uint32_t)(a[2].len / each);
  return 0;
}
