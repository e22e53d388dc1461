/* A container's networks and ports change while it runs: its plan file says anew what is to be undone at its end. */
#include "renew.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor.h"

static HOT struct plan *own;
/* Not touched before the first change. */
static struct plan fresh;
static unsigned char *memory;
static size_t memory_len;

void renew_setup(struct plan *p) { own = p; }

/* "<run directory>/<name>": beside state.json. */
static bool beside(char *to, const char *name) {
  const char *slash = strrchr(mon.state_path, '/');
  if (slash == NULL) return false;
  size_t n = (size_t)(slash - mon.state_path);
  memcpy(to, mon.state_path, n);
  to[n] = 0;
  if (name == NULL) return true;
  to[n] = '/';
  memcpy(to + n + 1, name, strlen(name) + 1);
  return true;
}

static unsigned char *read_file(const char *path, size_t *len) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  unsigned char *mem = MAP_FAILED;
  size_t have = 0;
  if (fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size <= PLAN_MAX_BYTES)
    mem = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  while (mem != MAP_FAILED && have < (size_t)st.st_size) {
    ssize_t n = read(fd, mem + have, (size_t)st.st_size - have);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    have += (size_t)n;
  }
  close(fd);
  *len = have;
  return mem == MAP_FAILED ? NULL : mem;
}

static void take_over(unsigned char *mem, size_t len) {
  uintptr_t page = 4096;
  for (uint32_t i = 0; i < fresh.count; i++) fresh.steps[i].done = true;
  size_t used = (plan_keep_undos(&fresh, mem) + page - 1) & ~(page - 1);
  if (used < len) madvise(mem + used, len - used, MADV_DONTNEED);
  memcpy(own->steps, fresh.steps, fresh.count * sizeof fresh.steps[0]);
  own->count = fresh.count;
  if (memory != NULL) munmap(memory, memory_len);
  memory = mem;
  memory_len = len;
}

/* The first plan's memory stays mapped, for what a launch left there; its pages are few. */
int plan_renew(void) {
  char path[PATH_BYTES + 8];
  size_t len = 0;
  if (own == NULL || !beside(path, "plan")) return EINVAL;
  unsigned char *mem = read_file(path, &len);
  if (mem == NULL) return errno != 0 ? errno : EIO;
  int err = plan_decode(&fresh, mem, len);
  if (err == 0) err = holds_renew(&fresh);
  if (err == 0) take_over(mem, len);
  else munmap(mem, len);
  uintptr_t page = 4096, from = ((uintptr_t)&fresh + page - 1) & ~(page - 1), to = (uintptr_t)(&fresh + 1) & ~(page - 1);
  if (to > from) madvise((void *)from, to - from, MADV_DONTNEED);
  return err;
}

void renew_stop(void) {
  char path[PATH_BYTES + 8];
  /* One that hangs must not keep the container's end from being told: its own steps then take back what it did. */
  if (own != NULL && beside(path, NULL)) (void)turn_take(path);
}
