/* The attach protocol: what a client sends to a monitor, in whatever pieces. Whoever reaches the socket is root; still a
 * client that is broken must not harm the container's monitor, nor the other clients. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../../native/attach.h"
#include "../../../native/monitor.h"
#include "fuzz.h"

static struct sockaddr_un name = {.sun_family = AF_UNIX};
static socklen_t name_len;
static int input_reader;

/* An unnamed place for the socket (unix(7), abstract), a pipe for the program's standard input. */
static void begin(void) {
  int p[2];
  signal(SIGPIPE, SIG_IGN);
  monitor_setup();
  clients_setup();
  clients_control(-1);
  mon.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  demand(mon.listener >= 0 && bind(mon.listener, (struct sockaddr *)&name, sizeof name.sun_family) == 0);
  name_len = sizeof name;
  demand(getsockname(mon.listener, (struct sockaddr *)&name, &name_len) == 0 && listen(mon.listener, 8) == 0);
  demand(pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0);
  input_reader = p[0];
  mon.in = p[1];
  mon.serving = true;
}

/* Frames that a client may send, rather than any of 256 kinds. */
static void mend(unsigned char *data, size_t len) {
  static const unsigned char kinds[] = {0, 16, 17, 18, 19, 20, 21, 22, 23};
  if (len >= HEAD && below(2) == 0) data[0] = kinds[below(sizeof kinds)];
}

static int join(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  demand(fd >= 0 && connect(fd, (struct sockaddr *)&name, name_len) == 0);
  clients_accept();
  return fd;
}

static void serve(void) {
  static struct pollfd fds[CLIENTS + 8];
  int n = clients_poll(fds, 0, input.len == 0);
  demand(n <= CLIENTS + 8);
  if (n > 0 && poll(fds, (nfds_t)n, 0) > 0) clients_serve(fds, 0, n);
  char waste[INPUT_BYTES];
  if (input.len > 0) {
    demand(input.off + input.len <= INPUT_BYTES);
    input.len = 0;
  }
  while (read(input_reader, waste, sizeof waste) > 0) {}
}

/* Whole frames come back, of the three kinds that may come while the program runs. */
static void hear(int fd, unsigned char *got, size_t room, size_t *have) {
  ssize_t n;
  while ((n = recv(fd, got + *have, room - *have, MSG_DONTWAIT)) > 0) {
    *have += (size_t)n;
    for (;;) {
      uint32_t len;
      if (*have < HEAD) break;
      memcpy(&len, got + 4, 4);
      len = ntohl(len);
      demand(got[1] == 0 && got[2] == 0 && got[3] == 0);
      demand(got[0] == FR_STDOUT || got[0] == FR_STDERR || (got[0] == FR_OK && len == 8));
      demand(len <= CHUNK);
      if (*have < HEAD + len) break;
      *have -= HEAD + len;
      memmove(got, got + HEAD + len, *have);
    }
  }
}

static void offer(int s, size_t len) {
  if (!clients_deliver(s)) return;
  chunks[s].len = (uint32_t)len;
  memset(chunks[s].buf, 'o', len);
  clients_offer(s);
  (void)clients_deliver(s);
}

static void read_frames(const unsigned char *data, size_t len) {
  static unsigned char got[3][4 * CHUNK];
  size_t have[3] = {0};
  int fds[3];
  uint32_t count = 1 + below(3);
  input.len = 0;
  input.eof = false;
  for (uint32_t i = 0; i < count; i++) fds[i] = join();
  for (size_t at = 0; at < len;) {
    uint32_t who = below(count);
    size_t n = 1 + below(below(4) == 0 ? 3 : 64);
    if (n > len - at) n = len - at;
    ssize_t sent = send(fds[who], data + at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    /* Dropped, or full: the rest is for the others. */
    at += sent > 0 ? (size_t)sent : n;
    serve();
    if (below(4) == 0) offer((int)below(2), 1 + below(CHUNK));
    for (uint32_t i = 0; i < count; i++)
      if (below(3) != 0) hear(fds[i], got[i], sizeof got[i], &have[i]);
  }
  for (uint32_t i = 0; i < count; i++) close(fds[i]);
  for (int i = 0; i < 4; i++) serve();
  for (int i = 1; i < clients_used; i++) client_drop(&clients[i]);
  chunks[0].len = chunks[1].len = 0;
}

const struct target attach_target = {"attach", begin, mend, read_frames};
