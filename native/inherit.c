/* The client of a foreground run: our own descriptors 0-2, which the caller shares with others. */
#include <signal.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>

#include "attach.h"
#include "report.h"

/* Pipes and terminals get an open file description of our own that never waits. O_NONBLOCK on the caller's would be
 * everybody's who shares it; and a blocking one can hold us after poll(2) too: a terminal stopped with Ctrl-S, a pipe
 * that another reader has emptied meanwhile. Where it cannot be opened (no reader left: ENXIO), all stays as it is. */
static bool reopen(int i) {
  char path[] = "/proc/self/fd/0";
  path[sizeof path - 2] = (char)('0' + i);
  int fd = open(path, (i == 0 ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return false;
  bool ok = dup3(fd, i, O_CLOEXEC) >= 0;
  close(fd);
  return ok;
}

static enum way way_of(int i) {
  struct stat st;
  if (fstat(i, &st) < 0) return WAY_FILE;
  if (S_ISSOCK(st.st_mode)) return WAY_SOCKET;
  /* 5:2 is /dev/ptmx: opening that again would make another terminal. */
  bool may_hold = S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(i));
  if (!may_hold) return WAY_FILE;
  return st.st_rdev != makedev(5, 2) && reopen(i) ? WAY_FREE : WAY_HELD;
}

static void nothing(int signal) { (void)signal; }

/* A terminal that could not be opened anew (/dev/tty, to us, in a session of our own, is none) and stands still in the
 * middle of a write holds us. A signal every so often lets go of it: what was written counts, the rest waits for poll. */
#define HELD_US 20000

static void hold_timer(bool on) {
  struct itimerval t = {0};
  if (on) t.it_value.tv_usec = t.it_interval.tv_usec = HELD_US;
  (void)setitimer(ITIMER_REAL, &t, NULL);
}

static ssize_t write_held(int fd, const char *data, size_t len) {
  struct sigaction act = {.sa_handler = nothing};
  (void)sigaction(SIGALRM, &act, NULL);
  hold_timer(true);
  ssize_t n = write(fd, data, len);
  int err = errno;
  hold_timer(false);
  errno = err;
  return n;
}

void clients_inherit(void) {
  clients_setup();
  struct client *c = &clients[0];
  for (int i = 0; i < 3; i++) {
    c->fd[i] = i;
    c->way[i] = (uint8_t)way_of(i);
  }
  c->wants = 6 | ((mon.streams & STREAMS_STDIN) ? 1 : 0);
}

void clients_drop_inherited(void) {
  if (!clients[0].framed) client_drop(&clients[0]);
}

void inherited_read(struct client *c) {
  ssize_t n = c->way[0] == WAY_SOCKET ? recv(c->fd[0], input.buf, INPUT_BYTES, MSG_DONTWAIT)
                                      : read(c->fd[0], input.buf, INPUT_BYTES);
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

ssize_t inherited_write(struct client *c, int s, const char *data, size_t len) {
  int fd = c->fd[s + 1];
  if (c->way[s + 1] == WAY_SOCKET) return send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (c->way[s + 1] == WAY_FREE) return write(fd, data, len);
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  if (poll(&p, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  if (len > 4096) len = 4096;
  return c->way[s + 1] == WAY_HELD ? write_held(fd, data, len) : write(fd, data, len);
}

/* `run … | head`: nobody reads any more, so the program must hear of it (SIGPIPE), as without a container. EIO is a
 * terminal that was hung up, EBADF a stream the caller had closed. Any other error (a full disk) is the caller's to
 * tell: the program cannot be given it, and its log is whole. */
void inherited_failed(struct client *c, int s, int err) {
  bool gone = err == EPIPE || err == ECONNRESET || err == EBADF || (err == EIO && c->way[s + 1] != WAY_FILE);
  close(c->fd[s + 1]);
  c->fd[s + 1] = -1;
  c->owes[s] = false;
  if (gone) {
    mon.deaf[s] = true;
    return;
  }
  uint32_t lost[2] = {(uint32_t)s + 1, (uint32_t)err};
  report(R_OUTPUT_LOST, lost, sizeof lost);
}
