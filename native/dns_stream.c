/*
 * DNS over TCP, for answers that fit no datagram (RFC 7766). A connection is served one query at a time; what it sends
 * meanwhile waits in its socket. Each message has its length, 16 bits, before it.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns.h"
#include "util.h"

#define IDLE_MS 10000
#define SERVER_MS 3000
#define ANSWERS 4                /* answers at a time; further queries wait */
#define PAGE 4096

enum state { FREE, READING, WAITING, ASKING, HEARING, WRITING };

struct stream {
  enum state state;
  int fd, server;                /* the container's, the resolver's */
  int room;                      /* which of the answers, -1: none */
  uint32_t have, want;           /* of what is read or written */
  uint32_t query_len;
  uint8_t tries, first;
  uint16_t question_end, client_id;
  uint64_t until;
};
static struct stream streams[DNS_STREAMS];
static uint8_t queries[DNS_STREAMS][2 + DNS_QUERY_BYTES];
static _Alignas(PAGE) uint8_t answers[ANSWERS][(2 + DNS_ANSWER_BYTES + PAGE - 1) / PAGE * PAGE];
static bool answer_taken[ANSWERS];
static int streams_used;

static void release(struct stream *s) {
  if (s->server >= 0) close(s->server);
  s->server = -1;
  if (s->room < 0) return;
  /* An answer may have had 64 kB, and there may be thousands of monitors. */
  madvise(answers[s->room], sizeof answers[0], MADV_DONTNEED);
  answer_taken[s->room] = false;
  s->room = -1;
}

static void drop(struct stream *s) {
  release(s);
  close(s->fd);
  s->state = FREE;
}

static uint8_t *query_of(struct stream *s) { return queries[s - streams] + 2; }

static void start_reading(struct stream *s) {
  release(s);
  s->state = READING;
  s->have = 0;
  s->want = 2;
  s->until = now_ms() + IDLE_MS;
}

static void start_writing(struct stream *s, size_t len) {
  uint8_t *room = answers[s->room];
  room[0] = (uint8_t)(len >> 8);
  room[1] = (uint8_t)len;
  s->state = WRITING;
  s->have = 0;
  s->want = 2 + (uint32_t)len;
  s->until = now_ms() + IDLE_MS;
}

static void ask_next(struct stream *s) {
  if (s->server >= 0) close(s->server);
  s->server = -1;
  while (s->tries < dns_config.server_count) {
    s->server = server_socket((s->first + s->tries++) % dns_config.server_count, SOCK_STREAM);
    if (s->server < 0) continue;
    uint16_t id = dns_random();
    memcpy(query_of(s), &id, 2);
    s->state = ASKING;
    s->have = 0;
    s->want = 2 + s->query_len;
    s->until = now_ms() + SERVER_MS;
    return;
  }
  memcpy(query_of(s), &s->client_id, 2);
  start_writing(s, dns_failed(query_of(s), s->query_len, answers[s->room] + 2));
}

/* A whole query is there, and room for its answer. */
static void respond(struct stream *s) {
  struct dns_query q;
  size_t len = dns_respond(&q, query_of(s), s->query_len, answers[s->room] + 2, DNS_ANSWER_BYTES);
  if (len == 0) drop(s);
  else if (len != DNS_FORWARD) start_writing(s, len);
  else {
    memcpy(&s->client_id, q.bytes, 2);
    s->question_end = (uint16_t)q.question_end;
    s->first = (uint8_t)server_preferred;
    s->tries = 0;
    ask_next(s);
  }
}

static void take_room(struct stream *s) {
  for (int i = 0; i < ANSWERS; i++) {
    if (answer_taken[i]) continue;
    answer_taken[i] = true;
    s->room = i;
    respond(s);
    return;
  }
  s->state = WAITING;
  s->until = now_ms() + IDLE_MS;
}

static bool is_over(ssize_t n) { return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR); }

static void read_query(struct stream *s) {
  uint8_t *room = queries[s - streams];
  ssize_t n = recv(s->fd, room + s->have, s->want - s->have, MSG_DONTWAIT);
  if (is_over(n)) drop(s);
  if (n <= 0) return;
  s->have += (uint32_t)n;
  if (s->have < s->want) return;
  if (s->want > 2) {
    take_room(s);
    return;
  }
  s->query_len = dns_u16(room);
  s->want = 2 + s->query_len;
  if (s->query_len < DNS_HEADER || s->query_len > DNS_QUERY_BYTES) drop(s);
}

static void ask(struct stream *s) {
  ssize_t n = send(s->server, queries[s - streams] + s->have, s->want - s->have, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (is_over(n)) ask_next(s);
  else if (n > 0) s->have += (uint32_t)n;
  if (s->state != ASKING || s->have < s->want) return;
  s->state = HEARING;
  s->have = 0;
  s->want = 2;
}

static void hear(struct stream *s) {
  uint8_t *room = answers[s->room];
  ssize_t n = recv(s->server, room + s->have, s->want - s->have, MSG_DONTWAIT);
  if (is_over(n)) ask_next(s);
  if (n <= 0) return;
  s->have += (uint32_t)n;
  if (s->have == 2) s->want = 2u + dns_u16(room);
  if (s->have < s->want || s->have == 2) return;
  if (!dns_answers(room + 2, s->want - 2, query_of(s), s->question_end)) {
    ask_next(s);
    return;
  }
  if (!egress_learn_forwarded(query_of(s), s->query_len, room + 2, s->want - 2)) {
    drop(s);
    return;
  }
  memcpy(room + 2, &s->client_id, 2);
  close(s->server);
  s->server = -1;
  start_writing(s, s->want - 2);
}

static void write_answer(struct stream *s) {
  ssize_t n = send(s->fd, answers[s->room] + s->have, s->want - s->have, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (is_over(n)) drop(s);
  if (n <= 0) return;
  s->have += (uint32_t)n;
  if (s->have == s->want) start_reading(s);
}

void stream_accept(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  struct stream *oldest = NULL;
  int i = 0;
  for (; i < streams_used && streams[i].state != FREE; i++)
    if (streams[i].state == READING && (oldest == NULL || streams[i].until < oldest->until)) oldest = &streams[i];
  if (i == DNS_STREAMS) {
    /* The one that has said nothing for the longest time makes room. */
    if (oldest == NULL) {
      close(fd);
      return;
    }
    drop(oldest);
    i = (int)(oldest - streams);
  }
  if (i == streams_used) streams_used++;
  streams[i] = (struct stream){.fd = fd, .server = -1, .room = -1};
  start_reading(&streams[i]);
}

int stream_poll(struct pollfd *fds, int n) {
  for (int i = 0; i < streams_used; i++) {
    struct stream *s = &streams[i];
    if (s->state == WAITING) take_room(s);
    if (s->state == FREE) continue;
    bool server = s->state == ASKING || s->state == HEARING;
    short events = s->state == READING || s->state == HEARING ? POLLIN : s->state == WAITING ? 0 : POLLOUT;
    fds[n++] = (struct pollfd){.fd = server ? s->server : s->fd, .events = events};
  }
  return n;
}

void stream_serve(const struct pollfd *fd) {
  for (int i = 0; i < streams_used; i++) {
    struct stream *s = &streams[i];
    bool server = s->state == ASKING || s->state == HEARING;
    if (s->state == FREE || (server ? s->server : s->fd) != fd->fd) continue;
    if (s->state == READING) read_query(s);
    else if (s->state == ASKING) ask(s);
    else if (s->state == HEARING) hear(s);
    else if (s->state == WRITING) write_answer(s);
    else drop(s);
    return;
  }
}

uint64_t stream_deadline(void) {
  uint64_t first = UINT64_MAX;
  for (int i = 0; i < streams_used; i++)
    if (streams[i].state != FREE && streams[i].until < first) first = streams[i].until;
  return first;
}

void stream_overdue(uint64_t now) {
  for (int i = 0; i < streams_used; i++) {
    struct stream *s = &streams[i];
    if (s->state == FREE || s->until > now) continue;
    if (s->state == ASKING || s->state == HEARING) ask_next(s);
    else drop(s);
  }
}
