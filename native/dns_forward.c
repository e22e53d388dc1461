/*
 * Queries on their way to the host's resolvers. Each has a socket of its own, connected: the kernel picks a port that
 * nobody can guess and takes packets from that resolver only; with the random id, that is what an attacker off the path
 * would have to hit. RFC 5452.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns.h"
#include "util.h"

#define TRY_MS 1500              /* one resolver, one time: glibc's clients give up after 5 s in all */
#define TOTAL_MS 8000

struct pending {
  bool used;
  uint8_t tries, first;          /* resolver number `first + tries - 1` was asked last */
  int fd;
  uint16_t client_id, len;
  uint16_t question_end, udp_size;
  uint64_t try_until, until;
  struct sockaddr_in from;
};
static struct pending pending[DNS_PENDING];
static uint8_t queries[DNS_PENDING][DNS_QUERY_BYTES];
static int pending_used;         /* places ever used: the others were never touched */
uint32_t server_preferred;

int server_socket(uint32_t number, int type) {
  const struct dns_server *s = &dns_config.servers[number];
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(s->port)};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(s->port), .sin6_scope_id = s->scope};
  memcpy(&four.sin_addr, s->addr, 4);
  memcpy(&six.sin6_addr, s->addr, 16);
  bool is_four = s->family == AF_INET;
  int fd = socket(s->family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  int failed = is_four ? connect(fd, (struct sockaddr *)&four, sizeof four) : connect(fd, (struct sockaddr *)&six, sizeof six);
  if (failed < 0 && errno != EINPROGRESS) {
    int err = errno;
    close(fd);
    errno = err;
    return -1;
  }
  return fd;
}

static void drop(struct pending *p) {
  if (p->fd >= 0) close(p->fd);
  p->fd = -1;
  p->used = false;
}

static void reply(struct pending *p, uint8_t *bytes, size_t len) {
  if (len >= DNS_HEADER) {
    memcpy(bytes, &p->client_id, 2);
    dns_reply(&p->from, bytes, dns_fit(bytes, len, p->question_end, p->udp_size));
  }
  drop(p);
}

static void give_up(struct pending *p) { reply(p, dns_packet, dns_failed(queries[p - pending], p->len, dns_packet)); }

/* One resolver: three times. More: each twice, in turn. */
static uint32_t most_tries(void) { return dns_config.server_count == 1 ? 3 : 2 * dns_config.server_count; }

static void try_next(struct pending *p) {
  uint8_t *query = queries[p - pending];
  uint64_t now = now_ms();
  if (p->fd >= 0) close(p->fd);
  p->fd = -1;
  while (p->tries < most_tries() && now < p->until) {
    uint32_t number = (p->first + p->tries++) % dns_config.server_count;
    p->fd = server_socket(number, SOCK_DGRAM);
    if (p->fd < 0) continue;
    uint16_t id = dns_random();
    memcpy(query, &id, 2);
    p->try_until = now + TRY_MS < p->until ? now + TRY_MS : p->until;
    if (send(p->fd, query, p->len, MSG_NOSIGNAL) >= 0) return;
    close(p->fd);
    p->fd = -1;
  }
  give_up(p);
}

/* The same client asks the same again while its first question is on its way. */
static bool is_pending(const struct dns_query *q, const struct sockaddr_in *from) {
  for (int i = 0; i < pending_used; i++) {
    struct pending *p = &pending[i];
    if (!p->used || p->len != q->len || memcmp(&p->client_id, q->bytes, 2) != 0) continue;
    if (p->from.sin_port != from->sin_port || p->from.sin_addr.s_addr != from->sin_addr.s_addr) continue;
    if (memcmp(queries[i] + 2, q->bytes + 2, q->len - 2) == 0) return true;
  }
  return false;
}

void forward_query(const struct dns_query *q, const struct sockaddr_in *from) {
  if (is_pending(q, from)) return;
  int i = 0;
  while (i < pending_used && pending[i].used) i++;
  if (i == DNS_PENDING || dns_config.server_count == 0) {
    dns_reply(from, dns_packet, dns_failed(q->bytes, q->len, dns_packet));
    return;
  }
  if (i == pending_used) pending_used++;
  struct pending *p = &pending[i];
  *p = (struct pending){.used = true, .fd = -1, .first = (uint8_t)server_preferred, .from = *from};
  p->len = (uint16_t)q->len;
  p->question_end = (uint16_t)q->question_end;
  p->udp_size = (uint16_t)q->udp_size;
  p->until = now_ms() + TOTAL_MS;
  memcpy(&p->client_id, q->bytes, 2);
  memcpy(queries[i], q->bytes, q->len);
  try_next(p);
}

int forward_poll(struct pollfd *fds, int n) {
  for (int i = 0; i < pending_used; i++)
    if (pending[i].used) fds[n++] = (struct pollfd){.fd = pending[i].fd, .events = POLLIN};
  return n;
}

/* Another resolver may know better; the last one's word is handed on. */
static bool is_refusal(const uint8_t *bytes) {
  int rcode = bytes[3] & 15;
  return rcode == SERVFAIL || rcode == REFUSED || rcode == NOTIMP;
}

static void receive(struct pending *p) {
  uint8_t *query = queries[p - pending];
  for (;;) {
    ssize_t n = recv(p->fd, dns_packet, sizeof dns_packet, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) {
      /* ICMP: nobody listens there, or no way leads there. */
      try_next(p);
      return;
    }
    if (!dns_answers(dns_packet, (size_t)n, query, p->question_end)) continue;
    if (is_refusal(dns_packet) && p->tries < dns_config.server_count) {
      try_next(p);
      return;
    }
    server_preferred = (p->first + p->tries - 1u) % dns_config.server_count;
    if (egress_learn_forwarded(query, p->len, dns_packet, (size_t)n)) reply(p, dns_packet, (size_t)n);
    else drop(p);
    return;
  }
}

void forward_serve(const struct pollfd *fd) {
  for (int i = 0; i < pending_used; i++) {
    if (!pending[i].used || pending[i].fd != fd->fd) continue;
    receive(&pending[i]);
    return;
  }
}

uint64_t forward_deadline(void) {
  uint64_t first = UINT64_MAX;
  for (int i = 0; i < pending_used; i++)
    if (pending[i].used && pending[i].try_until < first) first = pending[i].try_until;
  return first;
}

void forward_overdue(uint64_t now) {
  for (int i = 0; i < pending_used; i++)
    if (pending[i].used && pending[i].try_until <= now) try_next(&pending[i]);
}
