#include "monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients.h"
#include "denied.h"
#include "dns.h"
#include "util.h"

/* Set up by hand, not initialised: the page it would take in the file's data stays out of every monitor. */
HOT struct monitor mon;

void monitor_setup(void) {
  mon.out[0] = mon.out[1] = mon.in = mon.listener = mon.log = -1;
  for (int i = 0; i < DNS_SOCKETS; i++) mon.dns[i] = -1;
  mon.child_io[0] = mon.child_io[1] = mon.child_io[2] = -1;
}

/* Output after the program's end is handed on as long as clients take it. A stuck one is given up after this, or after
 * the shorter time when somebody waits for an end they asked for (stop, kill, rm -f); then slow ones too, after the
 * longer. Inherited descriptors are given up only then: `run … | less` may be read tomorrow. */
#define STUCK_MS 10000
#define STUCK_ASKED_MS 1000

/* An exec's program may leave children that write on. What it wrote itself is in the pipe when it ends, and no more than
 * a pipe holds is handed on after that. A terminal holds less (N_TTY_BUF_SIZE, tty_buffer's limit: 64 kB). */
#define TERMINAL_BYTES (128u << 10)
static HOT bool ended;
static HOT uint32_t left[2];

static void limit_rest(void) {
  ended = true;
  for (int s = 0; s < 2; s++) {
    int size = mon.out[s] < 0 ? 0 : fcntl(mon.out[s], F_GETPIPE_SZ);
    left[s] = size >= 0 ? (uint32_t)size : TERMINAL_BYTES;
  }
}

/* The next piece of output, if everyone has the last one. Returns true when it may be called again at once. */
static bool pump_out(int s) {
  struct chunk *ch = &chunks[s];
  if (ch->len > 0) {
    if (!clients_deliver(s)) return false;
    ch->len = 0;
  }
  if (mon.deaf[s] && mon.out[s] >= 0) {
    close(mon.out[s]);
    mon.out[s] = -1;
  }
  if (mon.out[s] < 0) return false;
  ssize_t n = ended && left[s] == 0 ? 0 : read(mon.out[s], ch->buf, ended && left[s] < CHUNK ? left[s] : CHUNK);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (n <= 0) {
    /* A pty gives EIO when its last slave is closed; ours stays open, so this is the end. */
    if (!(mon.streams & STREAMS_TTY)) close(mon.out[s]);
    mon.out[s] = -1;
    return false;
  }
  ch->len = (uint32_t)n;
  if (ended) left[s] -= ch->len;
  log_chunk(s + 1, ch->buf, ch->len);
  clients_offer(s);
  if (clients_deliver(s)) ch->len = 0;
  return true;
}

static void pump_in(void) {
  while (input.len > 0 && mon.in >= 0) {
    ssize_t n = write(mon.in, input.buf + input.off, input.len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) {
      input.len = 0;
      input.eof = true;
      break;
    }
    input.off += (uint32_t)n;
    input.len -= (uint32_t)n;
  }
  if (mon.in < 0) input.len = 0;
  /* A pty has no half-close: its end of input is the program's own business (^D). */
  if (input.eof && input.len == 0 && mon.in >= 0 && !(mon.streams & STREAMS_TTY)) {
    close(mon.in);
    mon.in = -1;
  }
}

static void reap(struct ending *e) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  while (waitid(P_ALL, 0, &info, WEXITED) < 0 && errno == EINTR) {}
  if (info.si_code == CLD_EXITED) e->code = (uint32_t)info.si_status & 0xff;
  else {
    e->signal = (uint32_t)info.si_status;
    e->code = 128 + e->signal;
  }
}

/* "oom_kill N" stands in memory.oom_control (v1) and memory.events (v2). */
static void read_oom(struct ending *e) {
  char buf[512];
  if (mon.oom_path[0] == 0) return;
  int fd = open(mon.oom_path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t n = read(fd, buf, sizeof buf);
  close(fd);
  const char *at = n > 0 ? find_text(buf, (size_t)n, "oom_kill ") : NULL;
  e->oom = at != NULL && at + 9 < buf + n && at[9] != '0';
}

struct wait_set {
  struct pollfd *fds;
  int count, clients_from, dns_from;
};
static HOT_PAGE struct pollfd wait_fds[CLIENTS + 16 + DNS_FDS];

static void fill(struct wait_set *w, int pidfd, int parent) {
  struct pollfd *f = w->fds;
  f[0] = (struct pollfd){.fd = pidfd, .events = POLLIN};
  f[1] = (struct pollfd){.fd = clients_full ? -1 : mon.listener, .events = POLLIN};
  f[2] = (struct pollfd){.fd = parent, .events = POLLIN};
  f[3] = (struct pollfd){.fd = chunks[0].len ? -1 : mon.out[0], .events = POLLIN};
  f[4] = (struct pollfd){.fd = chunks[1].len ? -1 : mon.out[1], .events = POLLIN};
  f[5] = (struct pollfd){.fd = input.len ? mon.in : -1, .events = POLLOUT};
  w->clients_from = 6;
  w->count = w->dns_from = clients_poll(f, 6, input.len == 0);
  if (mon.dns[DNS_UDP] < 0 || pidfd < 0) return;
  for (int i = 0; i < DNS_SOCKETS; i++)
    if (i != DNS_NFT) f[w->count++] = (struct pollfd){.fd = mon.dns[i], .events = POLLIN};
  if (mon.dns_busy) w->count = dns_poll(f, w->count);
}

/* Something came for the resolver, or may be overdue: one that nobody asks is not touched. */
static bool dns_due(const struct wait_set *w, int n) {
  bool due = mon.dns_busy;
  for (int i = w->dns_from; i < w->count && n > 0; i++) due = due || w->fds[i].revents != 0;
  return due && w->count > w->dns_from;
}

/* What is left of the output, and since when nobody took any of it. */
struct rest {
  uint64_t quiet_since, asked_since;
  uint32_t moved;
};

static void give_up_stuck(struct rest *r) {
  uint64_t now = now_ms();
  bool asked = clients_asked();
  if (r->quiet_since == 0 || r->moved != clients_moved) r->quiet_since = now;
  if (r->asked_since == 0 && asked) r->asked_since = now;
  r->moved = clients_moved;
  bool stuck = now - r->quiet_since >= (asked ? STUCK_ASKED_MS : STUCK_MS);
  bool slow = asked && now - r->asked_since >= STUCK_MS;
  if (stuck || slow) clients_drop_stuck(asked);
}

static bool drained(void) {
  while (pump_out(0)) {}
  while (pump_out(1)) {}
  return chunks[0].len == 0 && chunks[1].len == 0;
}

void monitor_loop(int pidfd, struct ending *e) {
  struct wait_set w = {.fds = wait_fds};
  struct rest rest = {0};
  bool dead = false;
  clients_setup();
  mon.serving = true;
  denied_begin();
  clients_control(pidfd);
  /* The caller is the one who reads descriptors 0-2 here; when it goes, they must not hold or steal anything. */
  int parent = mon.streams & STREAMS_INHERIT ? (int)syscall(SYS_pidfd_open, getppid(), 0) : -1;
  for (;;) {
    if (dead && drained()) break;
    fill(&w, dead ? -1 : pidfd, parent);
    int ms = dead ? 100 : clients_full ? 1000 : -1;
    int dns_ms = mon.dns_busy && w.count > w.dns_from ? dns_wait_ms() : -1;
    int n = poll(w.fds, (nfds_t)w.count, dns_ms >= 0 && (ms < 0 || dns_ms < ms) ? dns_ms : ms);
    if (n < 0) continue;
    if (n == 0) clients_full = false;
    if (dead) give_up_stuck(&rest);
    clients_serve(w.fds, w.clients_from, w.dns_from);
    if (dns_due(&w, n)) dns_serve(w.fds, w.dns_from, w.count);
    if (w.fds[1].revents & POLLIN) clients_accept();
    if (parent >= 0 && w.fds[2].revents) {
      clients_drop_inherited();
      close(parent);
      parent = -1;
    }
    pump_in();
    pump_out(0);
    pump_out(1);
    if (!dead && w.fds[0].revents) {
      reap(e);
      dead = true;
      limit_rest();
      mon.in = -1;
    }
  }
  /* What it was refused last: the kernel tells of it at once, and nobody looked since it ended. */
  if (mon.dns[DNS_NFLOG] >= 0) denied_packets(mon.dns[DNS_NFLOG]);
  denied_finish();
  read_oom(e);
  log_finish();
}
