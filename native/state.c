/* The two records the monitor writes: state.json while the container lives, exit.json when it has ended. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "monitor.h"

/* Appends text; a buffer that would overflow stays as it is, and the length shows it. */
struct text {
  char buf[1536];
  size_t len;
};

static void put(struct text *t, const char *s) {
  size_t n = strlen(s);
  if (t->len + n >= sizeof t->buf) n = 0;
  memcpy(t->buf + t->len, s, n);
  t->len += n;
}

static void put_number(struct text *t, uint64_t v) {
  char digits[24];
  size_t at = sizeof digits;
  digits[--at] = 0;
  do digits[--at] = (char)('0' + v % 10); while ((v /= 10) != 0);
  put(t, digits + at);
}

static void two(char *p, int v) {
  p[0] = (char)('0' + v / 10);
  p[1] = (char)('0' + v % 10);
}

void time_text(char *buf) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int seconds = (int)(now.tv_sec % 86400);
  /* Days since 1 March of year 0, when the leap day is the last of its year: then months and years divide evenly
   * (gmtime_r would bring libc's time zones, 6 kB of text in every monitor). */
  int64_t days = now.tv_sec / 86400 + 719468;
  int64_t era = days / 146097;
  int of_era = (int)(days % 146097);
  int year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int shifted = (5 * of_year + 2) / 153;
  int month = shifted < 10 ? shifted + 3 : shifted - 9;
  int year = (int)(era * 400) + year_of_era + (month <= 2);
  memcpy(buf, "0000-00-00T00:00:00.000000000Z", 31);
  two(buf, year / 100);
  two(buf + 2, year % 100);
  two(buf + 5, month);
  two(buf + 8, of_year - (153 * shifted + 2) / 5 + 1);
  two(buf + 11, seconds / 3600);
  two(buf + 14, seconds / 60 % 60);
  two(buf + 17, seconds % 60);
  long ns = now.tv_nsec;
  for (int i = 28; i >= 20; i--, ns /= 10) buf[i] = (char)('0' + ns % 10);
}

/* rename(2) makes the new record visible whole or not at all; a reader never sees half of one. */
int file_replace(const char *path, const char *data, size_t len, bool sync) {
  char tmp[PATH_BYTES + 8];
  size_t n = strlen(path);
  memcpy(tmp, path, n);
  memcpy(tmp + n, ".tmp", 5);
  int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int err = write_all(fd, data, len);
  if (err == 0 && sync && fsync(fd) < 0) err = errno;
  if (close(fd) < 0 && err == 0) err = errno;
  if (err == 0 && rename(tmp, path) < 0) err = errno;
  if (err != 0) unlink(tmp);
  return err;
}

int state_write(const char *status, pid_t pid, const char *started_at) {
  struct text t = {.len = 0};
  if (mon.state_path[0] == 0) return 0;
  put(&t, "{\"status\":\"");
  put(&t, status);
  put(&t, "\",\"id\":\"");
  put(&t, mon.id);
  put(&t, "\",\"bootId\":\"");
  put(&t, mon.boot_id);
  put(&t, "\",\"pid\":");
  put_number(&t, (uint64_t)pid);
  put(&t, ",\"startTicks\":");
  put_number(&t, start_ticks(pid));
  put(&t, ",\"monitorPid\":");
  put_number(&t, (uint64_t)getpid());
  put(&t, ",\"monitorStartTicks\":");
  put_number(&t, start_ticks(getpid()));
  put(&t, ",\"startedAt\":\"");
  put(&t, started_at);
  put(&t, "\"}\n");
  return file_replace(mon.state_path, t.buf, t.len, false);
}

/* exit.json.new takes its place on the disk before the program runs: a disk that the container filled has no room for
 * how it ended. It is also the sign that the container was started, until exit.json is. */
#define EXIT_BYTES 256

static void exit_reserve_path(char *to) {
  size_t n = strlen(mon.exit_path);
  memcpy(to, mon.exit_path, n);
  memcpy(to + n, ".new", 5);
}

static int exit_reserve(void) {
  char path[PATH_BYTES + 8], blanks[EXIT_BYTES];
  exit_reserve_path(path);
  memset(blanks, ' ', sizeof blanks);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int err = write_all(fd, blanks, sizeof blanks);
  if (close(fd) < 0 && err == 0) err = errno;
  if (err != 0) unlink(path);
  return err;
}

void exit_forget(void) {
  char path[PATH_BYTES + 8];
  if (mon.exit_path[0] == 0) return;
  exit_reserve_path(path);
  unlink(path);
}

/* In place, over the blanks. */
static int exit_fill(const char *data, size_t len) {
  char path[PATH_BYTES + 8];
  exit_reserve_path(path);
  int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  int err = write_all(fd, data, len);
  if (err == 0 && ftruncate(fd, (off_t)len) < 0) err = errno;
  if (err == 0 && mon.exit_sync && fsync(fd) < 0) err = errno;
  if (close(fd) < 0 && err == 0) err = errno;
  if (err == 0 && rename(path, mon.exit_path) < 0) err = errno;
  return err;
}

/* Beside state.json, for whoever finds this run directory: the end must not be lost with the container's disk. */
static void exit_note(const char *data, size_t len) {
  char path[PATH_BYTES];
  size_t n = strlen(mon.state_path);
  if (n < 10) return;
  memcpy(path, mon.state_path, n + 1);
  memcpy(path + n - 10, "exit.json", 10);
  (void)file_replace(path, data, len, false);
}

int exit_write(const struct ending *e) {
  struct text t = {.len = 0};
  char now[32];
  if (mon.exit_path[0] == 0) return 0;
  time_text(now);
  put(&t, "{\"exitCode\":");
  put_number(&t, e->code);
  put(&t, ",\"signal\":");
  put_number(&t, e->signal);
  put(&t, ",\"oomKilled\":");
  put(&t, e->oom ? "true" : "false");
  put(&t, ",\"finishedAt\":\"");
  put(&t, now);
  put(&t, "\"}\n");
  int err = exit_fill(t.buf, t.len);
  if (err != 0) exit_note(t.buf, t.len);
  return err;
}

static int copy_path(char *to, const struct arg *a) {
  if (a->len >= PATH_BYTES) return ENAMETOOLONG;
  memcpy(to, a->str, a->len + 1);
  return 0;
}

int op_state_file(struct ctx *c, const struct arg *a) {
  (void)c;
  if (a[1].len >= sizeof mon.id || a[2].len >= sizeof mon.boot_id) return ENAMETOOLONG;
  memcpy(mon.id, a[1].str, a[1].len + 1);
  memcpy(mon.boot_id, a[2].str, a[2].len + 1);
  int err = copy_path(mon.state_path, &a[0]);
  /* From here on somebody who sweeps sees that this monitor lives, even if its caller was killed. */
  return err != 0 ? err : state_write("starting", 0, "");
}

int op_exit_file(struct ctx *c, const struct arg *a) {
  (void)c;
  int err = copy_path(mon.exit_path, &a[0]);
  mon.exit_sync = a[2].num != 0;
  if (err == 0) err = copy_path(mon.oom_path, &a[1]);
  return err != 0 ? err : exit_reserve();
}

int op_freezer(struct ctx *c, const struct arg *a) {
  (void)c;
  if (a[1].len >= sizeof mon.freeze_word || a[2].len >= sizeof mon.thaw_word) return ENAMETOOLONG;
  memcpy(mon.freeze_word, a[1].str, a[1].len + 1);
  memcpy(mon.thaw_word, a[2].str, a[2].len + 1);
  return copy_path(mon.freeze_path, &a[0]);
}
