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

static HOT bool released;
static HOT int control_pidfd;

void clients_control(int pidfd) { control_pidfd = pidfd; }

void attach_thaw(void) {
  int fd = open(mon.freeze_path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)write_all(fd, mon.thaw_word, strlen(mon.thaw_word));
  close(fd);
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
  if (send(c->fd[0], buf, HEAD + len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(HEAD + len)) client_drop(c);
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
    case FR_RESIZE:
      if (mon.out[0] < 0) mon.pending_size = v;
      answer(c, type, mon.out[0] >= 0 && ioctl(mon.out[0], TIOCSWINSZ, &size) < 0 ? errno : 0);
      break;
    case FR_SIGNAL:
      /* A pidfd of our own child: never somebody else's process that got the number again. */
      answer(c, type, syscall(SYS_pidfd_send_signal, control_pidfd, (int)v, NULL, 0) < 0 ? errno : 0);
      break;
    case FR_EOF: input.eof = true; break;
    case FR_FREEZE: answer(c, type, freeze(c)); break;
    case FR_THAW:
      attach_thaw();
      c->freezes = false;
      answer(c, type, 0);
      break;
    default: client_drop(c);
  }
}

void attach_read(struct client *c) {
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
        if (c->head[0] != FR_STDIN && c->body_left > sizeof c->body) client_drop(c);
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
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) client_drop(&clients[i]);
      else if (clients[i].fd[0] >= 0) fds[n++] = (struct pollfd){.fd = clients[i].fd[0], .events = POLLIN};
    }
    if (n == 0) return;
    (void)poll(fds, n, 20);
  }
}

static void end_all(uint8_t type, const void *data, uint32_t len) {
  if (mon.listener >= 0) clients_accept();
  for (int i = 0; i <= CLIENTS; i++) {
    if (clients[i].framed) send_frame(&clients[i], type, data, len);
    else client_drop(&clients[i]);
  }
  linger();
  for (int i = 0; i <= CLIENTS; i++) client_drop(&clients[i]);
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
