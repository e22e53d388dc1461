#include "attach.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

HOT_LAST struct client clients[CLIENTS + 1];
HOT int clients_used;
HOT bool clients_full;
HOT uint32_t clients_moved;
static HOT uint32_t births;
static char chunk_room[2][CHUNK];
static char input_room[INPUT_BYTES];
HOT struct chunk chunks[2];
HOT struct input input;

static void clear(struct client *c) {
  memset(c, 0, sizeof *c);
  c->fd[0] = c->fd[1] = c->fd[2] = -1;
}

void clients_setup(void) {
  if (clients_used > 0) return;
  for (int s = 0; s < 2; s++) chunks[s].buf = chunk_room[s];
  input.buf = input_room;
  clear(&clients[0]);
  clients_used = 1;
}

static bool is_free(const struct client *c) { return c->fd[0] < 0 && c->fd[1] < 0 && c->fd[2] < 0; }

void client_drop(struct client *c) {
  if (is_free(c)) return;
  if (c->freezes) pause_release(c);
  if (c->framed) close(c->fd[0]);
  else
    for (int i = 0; i < 3; i++)
      if (c->fd[i] >= 0) close(c->fd[i]);
  clear(c);
  clients_full = false;
}

static bool hung_up(const struct client *c) {
  struct pollfd p = {.fd = c->fd[0]};
  return poll(&p, 1, 0) > 0;
}

/* Lower goes first when places run out. Whoever waits for an end it asked for, or keeps the container frozen, stays. */
static int worth(const struct client *c) {
  if (hung_up(c)) return 0;
  if (c->freezes || (c->signalled && c->wants == 0)) return 3;
  return !c->watches && c->queued == 0 ? 1 : 2;
}

/* Makes room, so that a stop can come in however many wait or watch: the least worth goes, of equals the oldest. */
static bool evict(void) {
  struct client *least = NULL;
  int lowest = 3;
  for (int i = 1; i < clients_used; i++) {
    struct client *c = &clients[i];
    int w = is_free(c) ? 3 : worth(c);
    if (w > lowest || w == 3 || (w == lowest && c->born > least->born)) continue;
    lowest = w;
    least = c;
  }
  if (least == NULL) return false;
  client_drop(least);
  return true;
}

static struct client *free_place(void) {
  for (int i = 1; i < clients_used; i++)
    if (is_free(&clients[i])) return &clients[i];
  return clients_used <= CLIENTS ? &clients[clients_used++] : NULL;
}

void clients_accept(void) {
  clients_setup();
  for (;;) {
    int fd = accept4(mon.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
      if (evict()) continue;
      clients_full = true;
    }
    if (fd < 0) return;
    struct client *c = free_place();
    if (c == NULL && evict()) c = free_place();
    if (c == NULL) {
      close(fd);
      continue;
    }
    clear(c);
    c->fd[0] = c->fd[1] = c->fd[2] = fd;
    c->framed = true;
    c->born = ++births;
  }
}

void clients_offer(int s) {
  for (int i = 0; i < clients_used; i++) {
    struct client *c = &clients[i];
    c->owes[s] = c->fd[s + 1] >= 0 && (c->wants & (2 << s)) != 0;
    c->sent[s] = 0;
  }
}

/* A framed client's bytes for one chunk: Docker's 8-byte header, then the data. */
static ssize_t send_some(struct client *c, int s) {
  struct chunk *ch = &chunks[s];
  int fd = c->fd[s + 1];
  if (!c->framed) return inherited_write(c, s, ch->buf + c->sent[s], ch->len - c->sent[s]);
  if (c->sent[s] < HEAD) {
    uint8_t head[HEAD] = {(uint8_t)(s + 1)};
    uint32_t be = htonl(ch->len);
    memcpy(head + 4, &be, 4);
    return send(fd, head + c->sent[s], HEAD - c->sent[s], MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE);
  }
  return send(fd, ch->buf + (c->sent[s] - HEAD), ch->len - (c->sent[s] - HEAD), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Two frames must not be interleaved: neither of the two streams, nor an answer with one of them. */
static bool may_send(struct client *c, int s) {
  if (!c->framed || c->sent[s] > 0) return true;
  return !attach_half_sent(c) && attach_flush(c);
}

static void deliver(struct client *c, int s) {
  uint32_t whole = chunks[s].len + (c->framed ? HEAD : 0);
  while (c->owes[s] && may_send(c, s)) {
    ssize_t n = send_some(c, s);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) {
      if (c->framed) client_drop(c);
      else inherited_failed(c, s, errno);
      return;
    }
    clients_moved += (uint32_t)n;
    c->sent[s] += (uint32_t)n;
    if (c->sent[s] == whole) c->owes[s] = false;
  }
}

bool clients_deliver(int s) {
  bool all = true;
  for (int i = 0; i < clients_used; i++) {
    deliver(&clients[i], s);
    if (clients[i].owes[s]) all = false;
  }
  return all;
}

/* A socket whose other end is closed reports that whatever is asked for: one that has nothing to do now is left out,
 * or poll would return at once for ever. One that froze the container stays in, to be missed at once. */
static struct pollfd framed_poll(const struct client *c, bool want_input) {
  bool stdin_waits = c->head_got == HEAD && c->head[0] == FR_STDIN && !want_input;
  bool sends = c->owes[0] || c->owes[1] || c->queued > 0;
  short events = (short)((stdin_waits || !attach_has_room(c) ? 0 : POLLIN) | (sends ? POLLOUT : 0));
  return (struct pollfd){.fd = events == 0 && !c->freezes ? -1 : c->fd[0], .events = events};
}

int clients_poll(struct pollfd *fds, int n, bool want_input) {
  clients_setup();
  for (int i = 0; i < clients_used; i++) {
    struct client *c = &clients[i];
    if (c->framed) {
      fds[n++] = framed_poll(c, want_input);
      continue;
    }
    if (c->fd[0] >= 0 && want_input && (c->wants & 1) && mon.in >= 0)
      fds[n++] = (struct pollfd){.fd = c->fd[0], .events = POLLIN};
    for (int s = 0; s < 2; s++)
      if (c->fd[s + 1] >= 0 && c->owes[s]) fds[n++] = (struct pollfd){.fd = c->fd[s + 1], .events = POLLOUT};
  }
  return n;
}

static void serve(struct client *c, short revents) {
  if (!c->framed) {
    if (revents != 0 && input.len == 0) inherited_read(c);
    return;
  }
  if ((revents & POLLOUT) && !attach_flush(c) && c->fd[0] < 0) return;
  if (revents & POLLIN) attach_read(c);
  else if (revents & (POLLHUP | POLLERR)) client_drop(c);
}

void clients_serve(const struct pollfd *fds, int from, int n) {
  for (int k = from; k < n; k++) {
    if (fds[k].fd < 0 || fds[k].revents == 0) continue;
    for (int i = 0; i < clients_used; i++) {
      if (clients[i].fd[0] != fds[k].fd) continue;
      serve(&clients[i], fds[k].revents);
      break;
    }
  }
}

bool clients_asked(void) {
  for (int i = 0; i < clients_used; i++)
    if (clients[i].framed && clients[i].signalled && clients[i].wants == 0) return true;
  return false;
}

void clients_drop_stuck(bool inherited) {
  for (int i = 0; i < clients_used; i++) {
    struct client *c = &clients[i];
    if (!c->owes[0] && !c->owes[1]) continue;
    if (c->framed || inherited) client_drop(c);
  }
}
