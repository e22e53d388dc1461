/* Hooks: programs of others at points of a container's life. The state goes to their standard input. */
#include <fcntl.h>
#include <poll.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "oci.h"
#include "report.h"
#include "util.h"

struct hook {
  pid_t pid;
  int pidfd;
  int in, out;          /* our ends */
  char *state;
  size_t state_len;
  struct exec_note *note;
};

static size_t put(char *to, const char *from, size_t len) {
  memcpy(to, from, len);
  return len;
}

/* The state with the process id between head and tail; in the child its own, as its namespace has it. Without a tail the
 * head is all of it. */
static int make_state(struct ctx *c, struct hook *h, const struct arg *head, const struct arg *tail) {
  if (c->spare_len < (size_t)head->len + tail->len + 24) return E2BIG;
  h->state = c->spare;
  size_t n = put(h->state, head->str, head->len);
  if (tail->len > 0) n += put_decimal(h->state + n, (uint64_t)(in_child() ? getpid() : c->child));
  h->state_len = n + put(h->state + n, tail->str, tail->len);
  return 0;
}

static _Noreturn void become_hook(const struct arg *a, char **argv, char **env, int in, int out) {
  int error = 0;
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) error = errno;
  if (error == 0 && a[4].str[0] != 0 && chdir(a[4].str) < 0) error = errno;
  if (error == 0) {
    syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
    reset_signals();
    execve(a[0].str, argv, env);
    error = errno;
  }
  const char *text = error == ENOENT   ? "no such file or directory"
                     : error == EACCES ? "permission denied"
                     : error == ENOEXEC ? "exec format error"
                                        : "cannot be executed";
  (void)!write(2, text, strlen(text));
  _exit(127);
}

static int start_hook(const struct arg *a, struct ctx *c, struct hook *h) {
  int in[2], out[2];
  char **argv = strv_layout(&a[1], &c->spare, &c->spare_len);
  char **env = strv_layout(&a[2], &c->spare, &c->spare_len);
  if (argv == NULL || env == NULL) return E2BIG;
  if (pipe2(in, O_CLOEXEC) < 0) return errno;
  if (pipe2(out, O_CLOEXEC) < 0) return errno;
  h->pid = _Fork();
  if (h->pid < 0) return errno;
  if (h->pid == 0) become_hook(a, argv, env, in[0], out[1]);
  close(in[0]);
  close(out[1]);
  h->in = in[1];
  h->out = out[0];
  fcntl(h->in, F_SETFL, O_NONBLOCK);
  fcntl(h->out, F_SETFL, O_NONBLOCK);
  h->pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0);
  return h->pidfd < 0 ? errno : 0;
}

/* Its state as far as it takes it; what it prints, the beginning kept for the message. */
static void feed(struct hook *h, size_t *fed) {
  while (h->in >= 0) {
    ssize_t n = *fed < h->state_len ? write(h->in, h->state + *fed, h->state_len - *fed) : 0;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n > 0) *fed += (size_t)n;
    if (n < 0 || *fed == h->state_len) {
      close(h->in);
      h->in = -1;
    }
  }
}

static void listen_to(struct hook *h) {
  char waste[512];
  while (h->out >= 0) {
    struct exec_note *note = h->note;
    size_t room = sizeof note->head - note->head_len;
    ssize_t n = room > 0 ? read(h->out, note->head + note->head_len, room) : read(h->out, waste, sizeof waste);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n > 0 && room > 0) note->head_len += (uint32_t)n;
    if (n <= 0) {
      close(h->out);
      h->out = -1;
    }
  }
}

/* Its wait status, or -errno. What it left running does not hold us: only its own end counts. */
static int wait_hook(struct hook *h, uint32_t timeout_ms) {
  uint64_t deadline = timeout_ms == 0 ? 0 : now_ms() + timeout_ms;
  size_t fed = 0;
  bool ended = false, late = false;
  while (!ended) {
    uint64_t now = now_ms();
    if (deadline != 0 && now >= deadline && !late) {
      late = true;
      syscall(SYS_pidfd_send_signal, h->pidfd, SIGKILL, NULL, 0);
    }
    struct pollfd fds[3] = {
      {.fd = h->pidfd, .events = POLLIN}, {.fd = h->in, .events = POLLOUT}, {.fd = h->out, .events = POLLIN}};
    int wait_ms = deadline == 0 || late ? -1 : (int)(deadline - now);
    if (poll(fds, 3, wait_ms) < 0 && errno != EINTR) return -errno;
    feed(h, &fed);
    listen_to(h);
    ended = (fds[0].revents & POLLIN) != 0;
  }
  listen_to(h);
  int status = 0;
  while (waitpid(h->pid, &status, 0) < 0)
    if (errno != EINTR) return -errno;
  return late ? -ETIMEDOUT : status;
}

/* 0: it ended well. Else a wait status, or -errno; c->note has its path and what it printed. */
static int run_hook(struct ctx *c, const struct arg *a) {
  struct hook h = {.pidfd = -1, .in = -1, .out = -1, .note = c->note};
  char *spare = c->spare;
  size_t spare_len = c->spare_len;
  c->note->head_len = 0;
  memset(c->note->path, 0, 1);
  if (a[0].len < sizeof c->note->path) memcpy(c->note->path, a[0].str, a[0].len + 1);
  int err = make_state(c, &h, &a[5], &a[6]);
  if (err == 0) {
    c->spare += h.state_len;
    c->spare_len -= h.state_len;
    err = start_hook(a, c, &h);
  }
  int result = err != 0 ? -err : wait_hook(&h, (uint32_t)a[3].num);
  int open_now[] = {h.pidfd, h.in, h.out};
  for (size_t i = 0; i < 3; i++)
    if (open_now[i] >= 0) close(open_now[i]);
  c->spare = spare;
  c->spare_len = spare_len;
  return result;
}

/* A hook that must succeed. How it ended stands before what it printed: the words are the caller's business. */
int op_hook(struct ctx *c, const struct arg *a) {
  int result = run_hook(c, a);
  if (result == 0) return 0;
  struct exec_note *note = c->note;
  if (note->head_len > sizeof note->head - 4) note->head_len = sizeof note->head - 4;
  memmove(note->head + 4, note->head, note->head_len);
  memcpy(note->head, &result, 4);
  note->head_len += 4;
  return result < 0 ? -result : ECANCELED;
}

/* One whose failure is told and changes nothing: poststop, and poststart as older versions of the specification have
 * it. runtime.md, lifecycle */
int op_hook_lenient(struct ctx *c, const struct arg *a) {
  static unsigned char warning[6 + sizeof c->note->path + sizeof c->note->head];
  int result = run_hook(c, a);
  if (result == 0) return 0;
  uint16_t path_len = (uint16_t)strlen(c->note->path);
  memcpy(warning, &result, 4);
  memcpy(warning + 4, &path_len, 2);
  memcpy(warning + 6, c->note->path, path_len);
  memcpy(warning + 6 + path_len, c->note->head, c->note->head_len);
  report(R_WARNING, warning, 6u + path_len + c->note->head_len);
  return 0;
}

/* The process id between head and tail, with its start time if asked: a file others read to find the process. */
int op_write_pid(struct ctx *c, const struct arg *a) {
  if (c->spare_len < (size_t)a[1].len + a[2].len + 80) return E2BIG;
  char *text = c->spare;
  size_t n = put(text, a[1].str, a[1].len);
  n += put_decimal(text + n, (uint64_t)c->child);
  if (a[3].num != 0) {
    n += put(text + n, ",\"startTicks\":", 14);
    n += put_decimal(text + n, start_ticks(c->child));
  }
  n += put(text + n, a[2].str, a[2].len);
  return replace_file(a[0].str, text, n, a[3].num != 0 ? 0600 : 0644);
}
