/* Going through a tree in a fixed order: same tree, same bytes. */
#include "walk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NO_LEVEL SIZE_MAX

/* One directory being walked; lies in the arena, followed by its names, then the sorted offsets of the names. */
struct level {
  size_t outer;        /* offset of the level around it */
  size_t order;        /* offset of the uint64_t offsets of names, in byte order */
  size_t count, next;
  size_t path_len;     /* of this directory's own path */
  dev_t dev;
  ino_t ino;
};

struct walk {
  struct arena mem;    /* stack of levels */
  struct arena path;
  size_t level;        /* the innermost; NO_LEVEL outside */
  int dir;             /* its descriptor */
};

static _Alignas(8) char entries[32768];

int arena_room(struct arena *m, size_t more) {
  if (m->cap - m->len >= more) return 0;
  size_t cap = m->cap == 0 ? 1u << 20 : m->cap;
  while (cap - m->len < more) cap *= 2;
  void *p = m->base == NULL ? mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                            : mremap(m->base, m->cap, cap, MREMAP_MAYMOVE);
  if (p == MAP_FAILED) return errno;
  m->base = p;
  m->cap = cap;
  return 0;
}

int arena_add(struct arena *m, const void *data, size_t len) {
  int err = arena_room(m, len);
  if (err != 0) return err;
  memcpy(m->base + m->len, data, len);
  m->len += len;
  return 0;
}

void arena_free(struct arena *m) {
  if (m->base != NULL) munmap(m->base, m->cap);
  *m = (struct arena){NULL, 0, 0};
}

static struct level *level_at(struct walk *w, size_t offset) { return (void *)(w->mem.base + offset); }

/* Heap sort: no allocation, no recursion, no bad case. strcmp(3) compares bytes as unsigned. */
static void sift(const char *base, uint64_t *order, size_t root, size_t count) {
  for (size_t child; (child = 2 * root + 1) < count; root = child) {
    if (child + 1 < count && strcmp(base + order[child], base + order[child + 1]) < 0) child++;
    if (strcmp(base + order[root], base + order[child]) >= 0) return;
    uint64_t t = order[root];
    order[root] = order[child];
    order[child] = t;
  }
}

static void sort_names(const char *base, uint64_t *order, size_t count) {
  for (size_t i = count / 2; i-- > 0;) sift(base, order, i, count);
  for (size_t n = count; n > 1;) {
    uint64_t t = order[0];
    order[0] = order[--n];
    order[n] = t;
    sift(base, order, 0, n);
  }
}

static int align_arena(struct arena *m) {
  int err = arena_room(m, 8);
  if (err == 0) m->len = (m->len + 7) & ~(size_t)7;
  return err;
}

/* Names after the level's head, each with its NUL. */
static int read_names(struct walk *w, size_t *count) {
  *count = 0;
  for (;;) {
    long n = read_dir(w->dir, entries, sizeof entries);
    if (n <= 0) return (int)-n;
    for (long at = 0; at < n;) {
      const struct dirent64_raw *e = (const void *)(entries + at);
      at += e->reclen;
      if (is_dot(e->name)) continue;
      int err = arena_add(&w->mem, e->name, strlen(e->name) + 1);
      if (err != 0) return err;
      ++*count;
    }
  }
}

/* Enters the directory `fd`, which becomes the innermost level. */
static int push(struct walk *w, int fd) {
  struct stat s;
  struct level l = {.outer = w->level, .path_len = w->path.len};
  if (w->dir >= 0) close(w->dir);
  w->dir = fd;
  if (fstat(fd, &s) < 0) return errno;
  l.dev = s.st_dev;
  l.ino = s.st_ino;
  int err = align_arena(&w->mem);
  size_t self = w->mem.len;
  if (err == 0) err = arena_add(&w->mem, &l, sizeof l);
  size_t name = w->mem.len;
  if (err == 0) err = read_names(w, &l.count);
  if (err == 0) err = align_arena(&w->mem);
  l.order = w->mem.len;
  if (err == 0) err = arena_room(&w->mem, l.count * sizeof(uint64_t));
  if (err != 0) return err;
  uint64_t *order = (void *)(w->mem.base + l.order);
  for (size_t i = 0; i < l.count; i++) {
    order[i] = name;
    name += strlen(w->mem.base + name) + 1;
  }
  w->mem.len += l.count * sizeof(uint64_t);
  sort_names(w->mem.base, order, l.count);
  *level_at(w, self) = l;
  w->level = self;
  return 0;
}

/* Back to the level around. One descriptor is open at a time, so a deep tree does not use them up; ".." must name
 * the directory we came from, or the tree was moved while we walked. */
static int pop(struct walk *w) {
  size_t self = w->level;
  size_t outer = level_at(w, self)->outer;
  w->mem.len = self;
  w->level = outer;
  if (outer == NO_LEVEL) return 0;
  w->path.len = level_at(w, outer)->path_len;
  int fd = openat(w->dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  close(w->dir);
  w->dir = fd;
  struct stat s;
  if (fstat(fd, &s) < 0) return errno;
  return s.st_dev == level_at(w, outer)->dev && s.st_ino == level_at(w, outer)->ino ? 0 : ESTALE;
}

static int set_path(struct walk *w, const char *name) {
  const struct level *l = level_at(w, w->level);
  w->path.len = l->path_len;
  int err = l->path_len > 0 ? arena_add(&w->path, "/", 1) : 0;
  return err != 0 ? err : arena_add(&w->path, name, strlen(name));
}

/* Emits one child and enters it when it is a directory. RESOLVE_NO_XDEV: what is mounted here is not part of the tree.
 * O_NONBLOCK: should the file have become a pipe since fstatat, open must not wait for its other end. */
static int visit(struct walk *w, const char *name) {
  struct stat s, opened;
  int err = set_path(w, name);
  if (err != 0) return err;
  if (fstatat(w->dir, name, &s, AT_SYMLINK_NOFOLLOW) < 0) return errno;
  struct place at = {w->dir, name, w->path.base, w->path.len};
  if (!S_ISDIR(s.st_mode) && !S_ISREG(s.st_mode)) return emit_file(&at, -1, &s, false);

  uint64_t flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (S_ISDIR(s.st_mode) ? O_DIRECTORY : 0);
  int fd = open_at2(w->dir, name, flags, 0, RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH);
  if (fd == -EXDEV) return emit_file(&at, -1, &s, true);
  if (fd < 0) return -fd;
  err = fstat(fd, &opened) < 0 ? errno : 0;
  if (err == 0 && (opened.st_ino != s.st_ino || opened.st_dev != s.st_dev || opened.st_mode != s.st_mode)) err = ESTALE;
  if (err == 0) err = emit_file(&at, fd, &opened, false);
  if (err == 0 && S_ISDIR(s.st_mode)) return push(w, fd);
  close(fd);
  return err;
}

static int walk_levels(struct walk *w) {
  while (w->level != NO_LEVEL) {
    struct level *l = level_at(w, w->level);
    int err;
    if (l->next < l->count) {
      const uint64_t *order = (const void *)(w->mem.base + l->order);
      size_t name = order[l->next++];
      err = visit(w, w->mem.base + name);
    } else {
      err = pop(w);
    }
    if (err != 0) return err;
  }
  return 0;
}

/* Every file below path as a record on descriptor 1, each directory before what is in it, names in byte order. Reads
 * only; the layout of a record stands in walk_emit.c. */
int op_walk(struct ctx *c, const struct arg *a) {
  (void)c;
  struct walk w = {.level = NO_LEVEL, .dir = -1};
  struct stat s;
  int fd = open(a[0].str, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  emit_reset();
  int err = fstat(fd, &s) < 0 ? errno : 0;
  struct place root = {fd, "", "", 0};
  if (err == 0) err = emit_file(&root, fd, &s, false);
  if (err == 0) err = push(&w, fd);
  else close(fd);
  if (err == 0) err = walk_levels(&w);
  if (err == 0) err = emit_flush();
  if (w.dir >= 0) close(w.dir);
  arena_free(&w.mem);
  arena_free(&w.path);
  return err;
}
