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

#include "renew.h"
#include "util.h"

static HOT bool released;
static HOT int control_pidfd;

void clients_control(int pidfd) { control_pidfd = pidfd; }

bool attach_has_room(const struct client *c) { return c->queued + ANSWER_BYTES <= QUEUE_BYTES; }

bool attach_half_sent(const struct client *c) {
  return (c->owes[0] && c->sent[0] > 0) || (c->owes[1] && c->sent[1] > 0);
}

bool attach_flush(struct client *c) {
  while (c->queued > 0 && !attach_half_sent(c)) {
    ssize_t n = send(c->fd[0], c->queue, c->queued, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return false;
    if (n < 0) {
      client_drop(c);
      return false;
    }
    c->queued -= (uint32_t)n;
    memmove(c->queue, c->queue + n, c->queued);
  }
  return c->queued == 0;
}

static void put_head(uint8_t *to, uint8_t type, uint32_t len) {
  uint32_t be = htonl(len);
  memset(to, 0, HEAD);
  to[0] = type;
  memcpy(to + 4, &be, 4);
}

/* Room is there: attach_read reads no frame otherwise. */
static void answer(struct client *c, uint8_t type, int err) {
  uint32_t data[2] = {type, (uint32_t)err};
  put_head(c->queue + c->queued, FR_OK, sizeof data);
  memcpy(c->queue + c->queued + HEAD, data, sizeof data);
  c->queued += ANSWER_BYTES;
  (void)attach_flush(c);
}

/* Who only watches never takes the last places, which are for those who come to stop it. */
#define PLACES_TO_ACT 32

static void hello(struct client *c, uint32_t v) {
  int watching = 0;
  for (int i = 1; i < clients_used; i++) watching += clients[i].watches && &clients[i] != c;
  c->watches = (v & 23) != 0;
  if (v & 8) released = true;
  if (!c->watches || (v & 8) || watching < CLIENTS - PLACES_TO_ACT) {
    c->wants = v & 7;
    return;
  }
  c->watches = false;
  answer(c, FR_HELLO, EBUSY);
}

static void control(struct client *c, uint8_t type) {
  uint32_t v = 0;
  memcpy(&v, c->body, 4);
  struct winsize size = {.ws_row = (unsigned short)(v & 0xffff), .ws_col = (unsigned short)(v >> 16)};
  switch (type) {
    case FR_HELLO: hello(c, v); break;
    case FR_RESIZE:
      if (mon.out[0] < 0) mon.pending_size = v;
      answer(c, type, mon.out[0] >= 0 && ioctl(mon.out[0], TIOCSWINSZ, &size) < 0 ? errno : 0);
      break;
    case FR_SIGNAL:
      c->signalled = true;
      /* A pidfd of our own child: never somebody else's process that got the number again. */
      answer(c, type, syscall(SYS_pidfd_send_signal, control_pidfd, (int)v, NULL, 0) < 0 ? errno : 0);
      break;
    case FR_EOF: input.eof = true; break;
    case FR_FREEZE: answer(c, type, pause_freeze(c)); break;
    case FR_THAW:
      if (c->freezes) pause_release(c);
      else (void)pause_break();
      answer(c, type, 0);
      break;
    case FR_PAUSE: answer(c, type, pause_begin()); break;
    case FR_UNPAUSE: answer(c, type, pause_end()); break;
    case FR_RENEW: answer(c, type, plan_renew()); break;
    default: client_drop(c);
  }
}

bool input_waits(void) { return input.len > 0 || ((mon.streams & STREAMS_TTY) && !mon.serving); }

void attach_read(struct client *c) {
  while (c->fd[0] >= 0 && attach_has_room(c)) {
    ssize_t n;
    if (c->head_got < HEAD) {
      n = recv(c->fd[0], c->head + c->head_got, HEAD - c->head_got, MSG_DONTWAIT);
      if (n > 0) c->head_got += (uint32_t)n;
      if (n > 0 && c->head_got == HEAD) {
        uint32_t be;
        memcpy(&be, c->head + 4, 4);
        c->body_left = ntohl(be);
        c->body_got = 0;
        if (c->head[0] != FR_STDIN && c->body_left > sizeof c->body) client_drop(c);
      }
    } else if (c->body_left > 0 && c->head[0] == FR_STDIN) {
      if (input_waits()) return;
      uint32_t room = c->body_left < INPUT_BYTES ? c->body_left : INPUT_BYTES;
      n = recv(c->fd[0], input.buf, room, MSG_DONTWAIT);
      if (n > 0) {
        c->body_left -= (uint32_t)n;
        input.off = 0;
        input.len = (c->wants & 1) && mon.in >= 0 ? (uint32_t)n : 0;
      }
    } else if (c->body_left > 0) {
      n = recv(c->fd[0], c->body + c->body_got, c->body_left, MSG_DONTWAIT);
      if (n > 0) {
        c->body_got += (uint32_t)n;
        c->body_left -= (uint32_t)n;
      }
    } else n = 1;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
      client_drop(c);
      return;
    }
    if (n < 0) return;
    if (c->fd[0] >= 0 && c->head_got == HEAD && c->body_left == 0) {
      c->head_got = 0;
      if (c->head[0] != FR_STDIN) control(c, c->head[0]);
    }
  }
}

/* Bounded: a caller killed between the launch and its attach must not leave a half-made container for ever. */
int clients_wait_release(void) {
  static struct pollfd fds[CLIENTS + 8];
  uint64_t deadline = now_ms() + 30000;
  while (!released && now_ms() < deadline) {
    fds[0] = (struct pollfd){.fd = clients_full ? -1 : mon.listener, .events = POLLIN};
    int n = clients_poll(fds, 1, false);
    int found = poll(fds, (nfds_t)n, 100);
    if (found < 0 && errno != EINTR) return errno;
    if (found == 0) clients_full = false;
    if (found <= 0) continue;
    clients_serve(fds, 1, n);
    if (fds[0].revents & POLLIN) clients_accept();
  }
  return released ? 0 : ETIMEDOUT;
}

/* The last frame, the same for every client. */
static uint8_t last[HEAD + 6144];
static uint32_t last_len;

/* After it, what the client still sends is read away until it hangs up: a socket closed while bytes wait unread in it
 * resets its peer (ECONNRESET), which may then never read the frame just sent. True while there is more to do. */
static bool say_goodbye(struct client *c, uint32_t *said) {
  char waste[512];
  ssize_t n = 1;
  if (attach_half_sent(c)) client_drop(c);
  while (c->fd[0] >= 0 && attach_flush(c) && *said < last_len) {
    n = send(c->fd[0], last + *said, last_len - *said, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR) break;
    if (n > 0) *said += (uint32_t)n;
  }
  if (n < 0 && errno != EAGAIN) client_drop(c);
  if (c->fd[0] < 0) return false;
  n = recv(c->fd[0], waste, sizeof waste, MSG_DONTWAIT);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) client_drop(c);
  return c->fd[0] >= 0;
}

/* For a second at most: a client that is stopped (SIGSTOP) never takes it. */
static void end_all(uint8_t type, const void *data, uint32_t len) {
  static uint32_t said[CLIENTS + 1];
  static struct pollfd fds[CLIENTS + 1];
  uint64_t deadline = now_ms() + 1000;
  if (len > sizeof last - HEAD) return;
  put_head(last, type, len);
  memcpy(last + HEAD, data, len);
  last_len = HEAD + len;
  clients_drop_inherited();
  if (mon.listener >= 0) clients_accept();
  do {
    nfds_t n = 0;
    for (int i = 1; i < clients_used; i++) {
      struct client *c = &clients[i];
      if (c->fd[0] < 0 || !say_goodbye(c, &said[i])) continue;
      short events = said[i] < last_len ? POLLIN | POLLOUT : POLLIN;
      fds[n++] = (struct pollfd){.fd = c->fd[0], .events = events};
    }
    if (n == 0) return;
    (void)poll(fds, n, 100);
  } while (now_ms() < deadline);
  for (int i = 1; i < clients_used; i++) client_drop(&clients[i]);
}

void clients_failed(const void *payload, uint32_t len) { end_all(FR_FAILED, payload, len); }

void clients_exited(const struct ending *e) { end_all(FR_EXIT, e, sizeof *e); }

/* bind(2) through a directory descriptor: sun_path holds 107 bytes, a root directory's path may be longer. */
int op_attach_socket(struct ctx *c, const struct arg *a) {
  (void)c;
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  const char *name = strrchr(a[0].str, '/');
  char dir[PATH_BYTES], at[24] = "/proc/self/fd/";
  if (name == NULL || name == a[0].str || (size_t)(name - a[0].str) >= sizeof dir || strlen(name) > 60) return EINVAL;
  memcpy(dir, a[0].str, (size_t)(name - a[0].str));
  dir[name - a[0].str] = 0;
  int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (dirfd < 0) return errno;
  size_t n = strlen(at);
  n += put_decimal(at + n, (uint64_t)dirfd);
  memcpy(addr.sun_path, at, n);
  memcpy(addr.sun_path + n, name, strlen(name) + 1);
  mon.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int err = 0;
  mode_t old = umask(0077);
  if (mon.listener < 0 || bind(mon.listener, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(mon.listener, 64) < 0)
    err = errno;
  umask(old);
  close(dirfd);
  return err;
}
