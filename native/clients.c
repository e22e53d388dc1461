#include "clients.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD 8

struct client {
  int fd[3];             /* a socket stands in all three places; inherited: stdin, stdout, stderr; -1 free */
  bool framed;
  uint8_t wants;         /* bit 0 stdin, 1 stdout, 2 stderr */
  bool freezes;
  bool sock[3];          /* send(MSG_DONTWAIT) works */
  uint32_t sent[2];      /* of the chunk, header included */
  bool owes[2];
  uint8_t head[HEAD];
  uint32_t head_got;
  uint32_t body_left;
  uint8_t body[16];
  uint32_t body_got;
};

static HOT struct client clients[CLIENTS + 1];
static HOT bool ready;
static HOT bool released;
static int control_pidfd = -1;
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

void clients_control(int pidfd) { control_pidfd = pidfd; }

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

static void thaw(void) {
  int fd = open(mon.freeze_path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)write_all(fd, mon.thaw_word, strlen(mon.thaw_word));
  close(fd);
}

static void drop(struct client *c) {
  if (c->fd[0] < 0 && c->fd[1] < 0 && c->fd[2] < 0) return;
  if (c->freezes) thaw();
  if (c->framed) close(c->fd[0]);
  else
    for (int i = 0; i < 3; i++)
      if (c->fd[i] >= 0) close(c->fd[i]);
  memset(c, 0, sizeof *c);
  c->fd[0] = c->fd[1] = c->fd[2] = -1;
}

void clients_drop_inherited(void) {
  if (ready && !clients[0].framed) drop(&clients[0]);
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

/* Control frames are small and rare; one that does not fit the socket's buffer ends the client. */
static void send_frame(struct client *c, uint8_t type, const void *data, uint32_t len) {
  uint8_t buf[HEAD + 6144];
  if (!c->framed || c->fd[0] < 0 || len > sizeof buf - HEAD) return;
  uint32_t be = htonl(len);
  memset(buf, 0, HEAD);
  buf[0] = type;
  memcpy(buf + 4, &be, 4);
  memcpy(buf + HEAD, data, len);
  if (send(c->fd[0], buf, HEAD + len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(HEAD + len)) drop(c);
}

static void answer(struct client *c, uint8_t type, int err) {
  uint32_t data[2] = {type, (uint32_t)err};
  send_frame(c, FR_OK, data, sizeof data);
}

static int freeze(struct client *c) {
  int fd = open(mon.freeze_path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int err = write_all(fd, mon.freeze_word, strlen(mon.freeze_word));
  close(fd);
  c->freezes = err == 0;
  return err;
}

static void control(struct client *c, uint8_t type) {
  uint32_t v = 0;
  memcpy(&v, c->body, 4);
  struct winsize size = {.ws_row = (unsigned short)(v & 0xffff), .ws_col = (unsigned short)(v >> 16)};
  switch (type) {
    case FR_HELLO:
      c->wants = v & 7;
      if (v & 8) released = true;
      break;
    case FR_RESIZE: answer(c, type, ioctl(mon.out[0], TIOCSWINSZ, &size) < 0 ? errno : 0); break;
    case FR_SIGNAL:
      /* A pidfd of our own child: never somebody else's process that got the number again. */
      answer(c, type, syscall(SYS_pidfd_send_signal, control_pidfd, (int)v, NULL, 0) < 0 ? errno : 0);
      break;
    case FR_EOF: input.eof = true; break;
    case FR_FREEZE: answer(c, type, freeze(c)); break;
    case FR_THAW:
      thaw();
      c->freezes = false;
      answer(c, type, 0);
      break;
    default: drop(c);
  }
}

/* Reads what one framed client sent: whole control frames, or standard input as far as there is room. */
static void read_framed(struct client *c) {
  while (c->fd[0] >= 0) {
    ssize_t n;
    if (c->head_got < HEAD) {
      n = recv(c->fd[0], c->head + c->head_got, HEAD - c->head_got, MSG_DONTWAIT);
      if (n > 0) c->head_got += (uint32_t)n;
      if (n > 0 && c->head_got == HEAD) {
        uint32_t be;
        memcpy(&be, c->head + 4, 4);
        c->body_left = ntohl(be);
        c->body_got = 0;
        if (c->head[0] != FR_STDIN && c->body_left > sizeof c->body) drop(c);
      }
    } else if (c->body_left > 0 && c->head[0] == FR_STDIN) {
      if (input.len > 0) return;
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
      drop(c);
      return;
    }
    if (n < 0) return;
    if (c->fd[0] >= 0 && c->head_got == HEAD && c->body_left == 0) {
      c->head_got = 0;
      if (c->head[0] != FR_STDIN) control(c, c->head[0]);
    }
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
        if (c->framed) drop(c);
        else {
          close(c->fd[s + 1]);
          c->fd[s + 1] = -1;
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
      if (c->framed) read_framed(c);
      else if (input.len == 0) read_inherited(c);
      break;
    }
  }
}

void clients_drop_stuck(void) {
  for (int i = 0; i <= CLIENTS; i++)
    if (clients[i].framed && (clients[i].owes[0] || clients[i].owes[1])) drop(&clients[i]);
}

/* Bounded: a caller killed between the launch and its attach must not leave a half-made container for ever. */
int clients_wait_release(void) {
  struct pollfd fds[CLIENTS + 8];
  for (int waits = 0; waits < 300 && !released; waits++) {
    fds[0] = (struct pollfd){.fd = mon.listener, .events = POLLIN};
    int n = clients_poll(fds, 1, false);
    if (poll(fds, (nfds_t)n, 100) < 0 && errno != EINTR) return errno;
    clients_serve(fds, 1, n);
    if (fds[0].revents & POLLIN) clients_accept();
  }
  return released ? 0 : ETIMEDOUT;
}

/* A socket closed while bytes wait unread in it resets its peer (ECONNRESET), which may then never read the frame
 * just sent. So what clients still send is read away until they hang up, for a second at most. */
static void linger(void) {
  struct pollfd fds[CLIENTS + 1];
  char waste[512];
  for (int waits = 0; waits < 50; waits++) {
    nfds_t n = 0;
    for (int i = 0; i <= CLIENTS; i++) {
      ssize_t got = clients[i].fd[0] < 0 ? -1 : recv(clients[i].fd[0], waste, sizeof waste, MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) drop(&clients[i]);
      else if (clients[i].fd[0] >= 0) fds[n++] = (struct pollfd){.fd = clients[i].fd[0], .events = POLLIN};
    }
    if (n == 0) return;
    (void)poll(fds, n, 20);
  }
}

static void end_all(uint8_t type, const void *data, uint32_t len) {
  if (mon.listener >= 0) clients_accept();
  if (!ready) return;
  for (int i = 0; i <= CLIENTS; i++) {
    if (clients[i].framed) send_frame(&clients[i], type, data, len);
    else drop(&clients[i]);
  }
  linger();
  for (int i = 0; i <= CLIENTS; i++) drop(&clients[i]);
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
  int n = (int)strlen(at);
  if (dirfd >= 10) at[n++] = (char)('0' + dirfd / 10 % 10);
  at[n++] = (char)('0' + dirfd % 10);
  at[n] = 0;
  memcpy(addr.sun_path, at, (size_t)n);
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
