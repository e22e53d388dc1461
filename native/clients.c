#include "attach.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

HOT struct client clients[CLIENTS + 1];
static HOT bool ready;
static char chunk_room[2][CHUNK];
static char input_room[INPUT_BYTES];
HOT struct chunk chunks[2];
HOT struct input input;

void clients_setup(void) {
  if (ready) return;
  for (int s = 0; s < 2; s++) chunks[s].buf = chunk_room[s];
  input.buf = input_room;
  for (int i = 0; i <= CLIENTS; i++) clients[i].fd[0] = clients[i].fd[1] = clients[i].fd[2] = -1;
  ready = true;
}

static bool is_socket(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

void clients_inherit(void) {
  clients_setup();
  struct client *c = &clients[0];
  for (int i = 0; i < 3; i++) {
    c->fd[i] = i;
    c->sock[i] = is_socket(i);
  }
  c->wants = 6 | ((mon.streams & STREAMS_STDIN) ? 1 : 0);
}

void client_drop(struct client *c) {
  if (c->fd[0] < 0 && c->fd[1] < 0 && c->fd[2] < 0) return;
  if (c->freezes) attach_thaw();
  if (c->framed) close(c->fd[0]);
  else
    for (int i = 0; i < 3; i++)
      if (c->fd[i] >= 0) close(c->fd[i]);
  memset(c, 0, sizeof *c);
  c->fd[0] = c->fd[1] = c->fd[2] = -1;
}

void clients_drop_inherited(void) {
  if (ready && !clients[0].framed) client_drop(&clients[0]);
}

bool clients_any(void) {
  clients_setup();
  for (int i = 0; i <= CLIENTS; i++)
    if (clients[i].fd[0] >= 0 || clients[i].fd[1] >= 0 || clients[i].fd[2] >= 0) return true;
  return false;
}

void clients_accept(void) {
  clients_setup();
  for (;;) {
    int fd = accept4(mon.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    int i = 1;
    while (i <= CLIENTS && clients[i].fd[0] >= 0) i++;
    if (i > CLIENTS) {
      close(fd);
      continue;
    }
    struct client *c = &clients[i];
    memset(c, 0, sizeof *c);
    c->fd[0] = c->fd[1] = c->fd[2] = fd;
    c->framed = c->sock[0] = c->sock[1] = c->sock[2] = true;
  }
}

static void read_inherited(struct client *c) {
  ssize_t n = read(c->fd[0], input.buf, INPUT_BYTES);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    close(c->fd[0]);
    c->fd[0] = -1;
    input.eof = true;
    return;
  }
  input.off = 0;
  input.len = (uint32_t)n;
}

void clients_offer(int s) {
  clients_setup();
  for (int i = 0; i <= CLIENTS; i++) {
    struct client *c = &clients[i];
    c->owes[s] = c->fd[s + 1] >= 0 && (c->wants & (2 << s)) != 0;
    c->sent[s] = 0;
  }
}

/* A framed client's bytes for one chunk: Docker's 8-byte header, then the data. */
static ssize_t send_some(struct client *c, int s) {
  struct chunk *ch = &chunks[s];
  int fd = c->fd[s + 1];
  if (!c->framed) {
    /* After POLLOUT a pipe takes a page without waiting; never more, so that a slow reader cannot hold us. */
    size_t n = ch->len - c->sent[s];
    if (n > 4096) n = 4096;
    if (c->sock[s + 1]) return send(fd, ch->buf + c->sent[s], n, MSG_DONTWAIT | MSG_NOSIGNAL);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (poll(&p, 1, 0) == 0) {
      errno = EAGAIN;
      return -1;
    }
    return write(fd, ch->buf + c->sent[s], n);
  }
  if (c->sent[s] < HEAD) {
    uint8_t head[HEAD] = {(uint8_t)(s + 1)};
    uint32_t be = htonl(ch->len);
    memcpy(head + 4, &be, 4);
    return send(fd, head + c->sent[s], HEAD - c->sent[s], MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE);
  }
  return send(fd, ch->buf + (c->sent[s] - HEAD), ch->len - (c->sent[s] - HEAD), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* True while the client's other stream is in the middle of a frame: two frames must not be interleaved. */
static bool other_half_sent(const struct client *c, int s) {
  return c->framed && c->owes[1 - s] && c->sent[1 - s] > 0;
}

bool clients_deliver(int s) {
  bool all = true;
  for (int i = 0; i <= CLIENTS; i++) {
    struct client *c = &clients[i];
    uint32_t whole = chunks[s].len + (c->framed ? HEAD : 0);
    while (c->owes[s] && !other_half_sent(c, s)) {
      ssize_t n = send_some(c, s);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) break;
      if (n < 0) {
        if (c->framed) client_drop(c);
        else {
          close(c->fd[s + 1]);
          c->fd[s + 1] = -1;
          /* `run … | head`: nobody reads any more, so the program must hear of it (SIGPIPE), as without a container. */
          mon.deaf[s] = true;
        }
        c->owes[s] = false;
        break;
      }
      c->sent[s] += (uint32_t)n;
      if (c->sent[s] == whole) c->owes[s] = false;
    }
    if (c->owes[s]) all = false;
  }
  return all;
}

int clients_poll(struct pollfd *fds, int n, bool want_input) {
  clients_setup();
  for (int i = 0; i <= CLIENTS; i++) {
    struct client *c = &clients[i];
    if (c->framed) {
      bool stdin_waits = c->head_got == HEAD && c->head[0] == FR_STDIN && !want_input;
      short ev = (short)((stdin_waits ? 0 : POLLIN) | (c->owes[0] || c->owes[1] ? POLLOUT : 0));
      fds[n++] = (struct pollfd){.fd = c->fd[0], .events = ev};
      continue;
    }
    if (c->fd[0] >= 0 && want_input && (c->wants & 1) && mon.in >= 0)
      fds[n++] = (struct pollfd){.fd = c->fd[0], .events = POLLIN};
    for (int s = 0; s < 2; s++)
      if (c->fd[s + 1] >= 0 && c->owes[s]) fds[n++] = (struct pollfd){.fd = c->fd[s + 1], .events = POLLOUT};
  }
  return n;
}

void clients_serve(const struct pollfd *fds, int from, int n) {
  for (int k = from; k < n; k++) {
    if (fds[k].fd < 0 || !(fds[k].revents & (POLLIN | POLLHUP | POLLERR))) continue;
    for (int i = 0; i <= CLIENTS; i++) {
      struct client *c = &clients[i];
      if (c->fd[0] != fds[k].fd) continue;
      if (c->framed) attach_read(c);
      else if (input.len == 0) read_inherited(c);
      break;
    }
  }
}

void clients_drop_stuck(void) {
  for (int i = 0; i <= CLIENTS; i++)
    if (clients[i].framed && (clients[i].owes[0] || clients[i].owes[1])) client_drop(&clients[i]);
}
