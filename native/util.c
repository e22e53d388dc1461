#include "util.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int write_all(int fd, const void *data, size_t len) {
  const char *p = data;
  while (len > 0) {
    ssize_t n = write(fd, p, len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    p += n;
    len -= (size_t)n;
  }
  return 0;
}

int open_at2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
  long fd;
  /* EAGAIN: a rename or mount anywhere on the system raced with ".." below RESOLVE_IN_ROOT; openat2(2) says
   * to try again. Bounded, so that a busy host cannot hold us for ever. */
  for (int tries = 0; tries < 128; tries++) {
    fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return fd < 0 ? -errno : (int)fd;
}

int open_in_root(int root, const char *path, uint64_t flags, uint64_t mode) {
  /* No magic links: /proc/self/root and its like would jump out of the root. path_resolution(7). */
  return open_at2(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/* Field 22 counted from the last ')': the program's name, field 2, may hold spaces and brackets. proc(5). */
static uint64_t parse_start(const char *text) {
  const char *p = strrchr(text, ')');
  if (p == NULL) return 0;
  for (int field = 2; field < 22; field++) {
    p = strchr(p + 1, ' ');
    if (p == NULL) return 0;
  }
  uint64_t ticks = 0;
  for (p++; *p >= '0' && *p <= '9'; p++) ticks = ticks * 10 + (uint64_t)(*p - '0');
  return ticks;
}

uint64_t start_ticks(pid_t pid) {
  char path[32] = "/proc/";
  char digits[12];
  size_t n = 0;
  if (pid <= 0) return 0;
  for (pid_t rest = pid; rest > 0; rest /= 10) digits[n++] = (char)('0' + rest % 10);
  char *end = path + strlen(path);
  while (n > 0) *end++ = digits[--n];
  memcpy(end, "/stat", sizeof "/stat");

  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[1024];
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0) return 0;
  text[got] = 0;
  return parse_start(text);
}

int slot_put(struct ctx *c, uint64_t slot, int fd) {
  if (slot >= SLOT_COUNT) {
    close(fd);
    return EINVAL;
  }
  if (c->slots[slot] >= 0) close(c->slots[slot]);
  c->slots[slot] = fd;
  return 0;
}

int slot_fd(const struct ctx *c, uint64_t slot) { return slot < SLOT_COUNT ? c->slots[slot] : -1; }

long read_dir(int fd, void *buf, size_t len) {
  long n = syscall(SYS_getdents64, fd, buf, len);
  return n < 0 ? -errno : n;
}

bool is_dot(const char *name) {
  return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

uint64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

void patience_start(struct patience *p, uint32_t total_ms) {
  p->deadline_ms = now_ms() + total_ms;
  p->next_ms = 1;
}

bool patience_wait(struct patience *p) {
  if (now_ms() >= p->deadline_ms) return false;
  struct timespec t = {.tv_nsec = (long)p->next_ms * 1000000L};
  nanosleep(&t, NULL);
  p->next_ms = p->next_ms * 2 > 20 ? 20 : p->next_ms * 2;
  return true;
}

const char *find_text(const char *buf, size_t len, const char *what) {
  size_t n = strlen(what);
  for (size_t i = 0; i + n <= len; i++)
    if (memcmp(buf + i, what, n) == 0) return buf + i;
  return NULL;
}

size_t put_decimal(char *to, uint64_t value) {
  char digits[24];
  size_t n = 0, at = 0;
  do digits[n++] = (char)('0' + value % 10); while ((value /= 10) != 0);
  while (n > 0) to[at++] = digits[--n];
  return at;
}

uint64_t number_of(const char *digits) {
  uint64_t value = 0;
  for (; *digits >= '0' && *digits <= '9'; digits++) value = value * 10 + (uint64_t)(*digits - '0');
  return value;
}
