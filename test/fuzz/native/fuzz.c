/*
 * fuzz TARGET SECONDS SEED INPUT-FILE SEEDS-DIRECTORY
 *
 * The shim's sources are compiled with -fsanitize=address,undefined and -fsanitize-coverage=trace-pc; the targets are not
 * traced, and this file is not even checked: it only has to be fast. INPUT-FILE always holds the input that is being read: when the process ends, the culprit.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Some hundreds of edges: few share a place. */
#define MAP_SIZE 8192u
#define POOL 4096u

struct input {
  unsigned char *data;
  size_t len;
};

static unsigned char seen[MAP_SIZE], now[MAP_SIZE];
static struct input pool[POOL];
static uint32_t pool_used, reached;
static uint64_t state;
static uintptr_t before;
/* u32 length, then the bytes. */
static unsigned char *shown;

_Noreturn void not_so(const char *what, const char *file, int line) {
  fprintf(stderr, "%s:%d: must be so, and is not: %s\n", file, line, what);
  abort();
}

/* Called at every edge of the traced code; two in a row say more than one. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void) {
  uintptr_t pc = (uintptr_t)__builtin_return_address(0);
  uintptr_t at = (pc ^ before) % MAP_SIZE;
  if (now[at] < 255) now[at]++;
  before = pc >> 1;
}

/* splitmix64: the same inputs for the same seed. */
uint32_t below(uint32_t most) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return most == 0 ? 0 : (uint32_t)((z ^ (z >> 31)) % most);
}

/* 1, 2, 3, 4-7, 8-15 … times: how often an edge was taken counts too, roughly. */
static unsigned char bucket(unsigned char count) {
  unsigned char bit = 0;
  while (count > 0 && bit < 7) { bit++; count >>= 1; }
  return (unsigned char)(1u << bit);
}

static bool is_new(void) {
  bool found = false;
  for (size_t i = 0; i < MAP_SIZE; i++) {
    if (now[i] == 0) continue;
    unsigned char b = bucket(now[i]);
    if ((seen[i] & b) != 0) continue;
    if (seen[i] == 0) reached++;
    seen[i] |= b;
    found = true;
  }
  return found;
}

static void keep(const unsigned char *data, size_t len) {
  uint32_t at = pool_used < POOL ? pool_used++ : below(POOL);
  free(pool[at].data);
  pool[at] = (struct input){malloc(len + 1), len};
  if (pool[at].data == NULL) abort();
  memcpy(pool[at].data, data, len);
}

static void once(const struct target *t, const unsigned char *data, size_t len) {
  uint32_t n = (uint32_t)len;
  memcpy(shown, &n, 4);
  memcpy(shown + 4, data, len);
  /* Exactly as long as it is: a byte read behind it is found. */
  unsigned char *copy = malloc(len > 0 ? len : 1);
  if (copy == NULL) abort();
  memcpy(copy, data, len);
  memset(now, 0, sizeof now);
  before = 0;
  t->read(copy, len);
  free(copy);
  if (is_new()) keep(data, len);
}

static void put32(unsigned char *to, uint32_t v) { memcpy(to, &v, 4); }

static size_t change(unsigned char *data, size_t len) {
  static const uint32_t odd[] = {0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 64, 127, 128, 255, 256, 4095, 4096, 65535, 65536,
                                 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
  size_t at = below((uint32_t)len), n;
  switch (below(9)) {
    case 0: data[at] ^= (unsigned char)(1u << below(8)); break;
    case 1: data[at] = (unsigned char)below(256); break;
    case 2: data[at] = (unsigned char)(data[at] + below(9) - 4); break;
    case 3: if (len >= 4) put32(data + below((uint32_t)len - 3), odd[below(sizeof odd / sizeof odd[0])]); break;
    case 4: if (len >= 4) put32(data + below((uint32_t)len - 3), below((uint32_t)len + 16)); break;
    case 5: return at; /* shorter */
    case 6: /* a piece again */
      n = 1 + below((uint32_t)(len - at < 256 ? len - at : 256));
      if (len + n > INPUT_MOST) break;
      memmove(data + at + n, data + at, len - at);
      return len + n;
    case 7: /* a piece less */
      n = 1 + below((uint32_t)(len - at < 64 ? len - at : 64));
      memmove(data + at, data + at + n, len - at - n);
      return len - n;
    default: { /* the beginning of this, the end of another */
      const struct input *other = &pool[below(pool_used)];
      if (other->len == 0) break;
      size_t from = below((uint32_t)other->len);
      n = other->len - from;
      if (at + n > INPUT_MOST) n = INPUT_MOST - at;
      memcpy(data + at, other->data + from, n);
      return at + n;
    }
  }
  return len;
}

static void mutated(const struct target *t) {
  static unsigned char data[INPUT_MOST + 8];
  const struct input *from = &pool[below(pool_used)];
  size_t len = from->len;
  memcpy(data, from->data, len);
  for (uint32_t times = 1u + below(5); times > 0 && len > 0; times--) len = change(data, len);
  if (below(8) != 0) t->mend(data, len);
  once(t, data, len);
}

static void read_seeds(const struct target *t, const char *directory) {
  static unsigned char data[INPUT_MOST];
  static char path[4096];
  DIR *dir = opendir(directory);
  if (dir == NULL) { perror(directory); exit(2); }
  for (struct dirent *e; (e = readdir(dir)) != NULL;) {
    if (e->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", directory, e->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, data, sizeof data);
    if (n < 0) { perror(path); exit(2); }
    close(fd);
    keep(data, (size_t)n);
    once(t, data, (size_t)n);
  }
  closedir(dir);
  if (pool_used == 0) { fprintf(stderr, "%s: no seeds\n", directory); exit(2); }
}

static double seconds_now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 6) { fprintf(stderr, "usage: fuzz TARGET SECONDS SEED INPUT-FILE SEEDS\n"); return 2; }
  const struct target *t = strcmp(argv[1], "plan") == 0 ? &plan_target : &attach_target;
  state = strtoull(argv[3], NULL, 10);
  int fd = open(argv[4], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, INPUT_MOST + 16) < 0) { perror(argv[4]); return 2; }
  shown = mmap(NULL, INPUT_MOST + 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shown == MAP_FAILED) { perror(argv[4]); return 2; }
  t->begin();
  read_seeds(t, argv[5]);
  double end = seconds_now() + strtod(argv[2], NULL);
  uint64_t runs = pool_used;
  do {
    for (int i = 0; i < 64; i++) mutated(t);
    runs += 64;
  } while (seconds_now() < end);
  printf("%llu inputs read, %u in the corpus, %u edges of code reached\n", (unsigned long long)runs, pool_used, reached);
  return 0;
}
