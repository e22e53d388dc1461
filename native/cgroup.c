/* Killing everything in a cgroup, of version 1 or 2; moving everything to another one. */
#include "util.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KILL_MS 10000
#define BATCH 128

/* Some processes of the cgroup, held by descriptor so that a number used again cannot mislead us. */
struct batch {
  size_t count;
  pid_t pid[BATCH];
  int fd[BATCH];
  bool listed[BATCH];
};

/* What a reading of cgroup.procs does with one line; false stops the reading. */
typedef bool each_pid(void *data, pid_t pid);

static int read_procs(int cgroup, each_pid *each, void *data) {
  int fd = openat(cgroup, "cgroup.procs", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  char text[4096];
  pid_t pid = 0;
  ssize_t n;
  bool more = true;
  while (more && (n = read(fd, text, sizeof text)) > 0) {
    for (ssize_t i = 0; more && i < n; i++) {
      if (text[i] != '\n') {
        pid = pid * 10 + (text[i] - '0');
        continue;
      }
      more = each(data, pid);
      pid = 0;
    }
  }
  int err = more && n < 0 ? errno : 0;
  close(fd);
  return err;
}

static bool note_self(void *data, pid_t pid) {
  bool *found = data;
  *found = pid == getpid();
  return !*found;
}

static bool note_other(void *data, pid_t pid) {
  bool *found = data;
  *found = pid != getpid();
  return !*found;
}

static bool collect(void *data, pid_t pid) {
  struct batch *b = data;
  /* 0 stands for a process of a pid namespace we cannot see: there is no number to kill it by. */
  if (pid == 0 || pid == getpid()) return true;
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) return true;
  b->pid[b->count] = pid;
  b->fd[b->count] = fd;
  b->listed[b->count] = false;
  return ++b->count < BATCH;
}

static bool confirm(void *data, pid_t pid) {
  struct batch *b = data;
  for (size_t i = 0; i < b->count; i++)
    if (b->pid[i] == pid) b->listed[i] = true;
  return true;
}

/* One round: open, look again, then signal. Between the first look and pidfd_open(2) the number may have passed to
 * a stranger; a process still listed after it was opened is the one that is held. */
static int kill_round(int cgroup) {
  struct batch b = {.count = 0};
  int err = read_procs(cgroup, collect, &b);
  if (err == 0) err = read_procs(cgroup, confirm, &b);
  for (size_t i = 0; i < b.count; i++) {
    if (err == 0 && b.listed[i] && syscall(SYS_pidfd_send_signal, b.fd[i], SIGKILL, NULL, 0) < 0 && errno != ESRCH)
      err = errno;
    close(b.fd[i]);
  }
  return err;
}

/* Writes one of the cgroup's files; ENOENT when this cgroup has no such file. */
static int set_file(int cgroup, const char *name, const char *value) {
  int fd = openat(cgroup, name, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int err = write(fd, value, strlen(value)) < 0 ? errno : 0;
  close(fd);
  return err;
}

/* Version 2 says in cgroup.events whether anything lives here or further below; version 1 has only the list. With
 * ourselves in the cgroup only the list can tell us from the others. */
static int is_populated(int cgroup, bool self, bool *populated) {
  *populated = false;
  if (self) return read_procs(cgroup, note_other, populated);
  int fd = openat(cgroup, "cgroup.events", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? read_procs(cgroup, note_other, populated) : errno;
  char text[256];
  ssize_t n = read(fd, text, sizeof text - 1);
  int err = n < 0 ? errno : 0;
  close(fd);
  if (err != 0) return err;
  *populated = find_text(text, (size_t)n, "populated 0") == NULL;
  return 0;
}

static int kill_all(int cgroup) {
  bool self = false;
  int err = read_procs(cgroup, note_self, &self);
  /* EOPNOTSUPP: a threaded cgroup has no list of processes; cgroup.kill works there too. cgroup-v2.rst */
  if (err != 0 && err != EOPNOTSUPP) return err;
  int killed = self ? ENOENT : set_file(cgroup, "cgroup.kill", "1");
  if (killed != 0 && killed != ENOENT) return killed;
  /* A process frozen by version 1 dies only once it is thawed. freezer-subsystem.rst */
  err = set_file(cgroup, "freezer.state", "THAWED");
  if (err != 0 && err != ENOENT) return err;

  struct patience p;
  patience_start(&p, KILL_MS);
  for (;;) {
    if (killed == ENOENT) err = kill_round(cgroup);
    else err = 0;
    bool populated = true;
    if (err == 0) err = is_populated(cgroup, self, &populated);
    if (err != 0) return err;
    if (!populated) return 0;
    if (!patience_wait(&p)) return ETIMEDOUT;
  }
}

/* SIGKILL to every process of the cgroup but ourselves, then waits until it is empty. Missing is done. With
 * cgroup.kill (Linux 5.14) no fork can slip through; else rounds until the list stays empty. */
int op_kill_cgroup(struct ctx *c, const struct arg *a) {
  (void)c;
  int cgroup = open(a[0].str, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (cgroup < 0) return errno == ENOENT ? 0 : errno;
  int err = kill_all(cgroup);
  close(cgroup);
  /* Removed by somebody else meanwhile: nothing can have been in it. */
  return err == ENODEV || err == ENOENT ? 0 : err;
}

struct mover {
  int to;
  int err;
  uint32_t moved;
};

/* One write, one process with all its threads. One that ends meanwhile (ESRCH) need not be moved; of one in a pid namespace
 * that we cannot see there is only a 0. */
static bool move_one(void *data, pid_t pid) {
  struct mover *m = data;
  char digits[12];
  size_t n = sizeof digits;
  if (pid == 0) return true;
  for (pid_t rest = pid; rest > 0; rest /= 10) digits[--n] = (char)('0' + rest % 10);
  if (write(m->to, digits + n, sizeof digits - n) >= 0) m->moved++;
  else if (errno != ESRCH) m->err = errno;
  return m->err == 0;
}

static int move_all(int from, int to) {
  struct patience p;
  patience_start(&p, KILL_MS);
  for (;;) {
    /* What is forked during a round is there in the next. */
    struct mover m = {.to = to};
    int err = read_procs(from, move_one, &m);
    if (err == 0) err = m.err;
    if (err != 0 || m.moved == 0) return err;
    if (!patience_wait(&p)) return EBUSY;
  }
}

/* A cgroup of version 2 that gives its controllers to those below it may have no processes of its own.
 * cgroup-v2.rst § No Internal Process Constraint */
int op_move_processes(struct ctx *c, const struct arg *a) {
  (void)c;
  int from = open(a[0].str, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (from < 0) return errno;
  int directory = open(a[1].str, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int to = directory < 0 ? -1 : openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  int err = to < 0 ? errno : move_all(from, to);
  if (to >= 0) close(to);
  if (directory >= 0) close(directory);
  close(from);
  return err;
}
