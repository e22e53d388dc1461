/* Going through a tree in a fixed order: same tree, same bytes. */
#include "walk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/vfs.h>
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
  int self_fd;         /* /proc/self/fd, opened while there was one */
  uint32_t flags;      /* WALK_* */
  const struct arg *skip; /* u32 each: file systems, by statfs(2)'s number, that are not entered */
};

static _Alignas(8) char entries[32768];

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
    /* ENOENT: removed since it was opened. */
    if (n <= 0) return n == -ENOENT ? 0 : (int)-n;
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

static enum content content_of(const struct walk *w) {
  return w->flags & WALK_BARE ? CONTENT_NONE : w->flags & WALK_HOLES ? CONTENT_PIECES : CONTENT_WHOLE;
}

static bool skipped(const struct walk *w, int fd) {
  struct statfs fs;
  if (w->skip->len == 0 || fstatfs(fd, &fs) < 0) return false;
  for (size_t at = 0; at + 4 <= w->skip->len; at += 4) {
    uint32_t magic;
    memcpy(&magic, w->skip->str + at, sizeof magic);
    if ((uint32_t)fs.f_type == magic) return true;
  }
  return false;
}

/* A descriptor's name in /proc/self/fd. */
static const char *fd_name(int fd, char name[12]) {
  char *p = name + 11;
  *p = 0;
  do *--p = (char)('0' + fd % 10);
  while ((fd /= 10) > 0);
  return p;
}

/* Opens for reading what `found` (O_PATH) is. Only then is it known to be a plain file or a directory: a device or a
 * fifo put in its place is never opened. Descriptor or -errno. */
static int reopen(const struct walk *w, int found, const struct stat *s) {
  if (S_ISDIR(s->st_mode)) {
    int fd = openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
  }
  char name[12];
  int fd = openat(w->self_fd, fd_name(found, name), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

/* Emits what `found` (O_PATH) is, and enters it when it is a directory and `enter`. Closes nothing of the caller's. */
static int emit_found(struct walk *w, int found, const struct stat *s, enum content how, bool enter) {
  struct place at = {found, "", w->path.base, w->path.len};
  if (!S_ISDIR(s->st_mode) && !S_ISREG(s->st_mode)) return emit_file(&at, -1, s, how);
  int fd = reopen(w, found, s);
  if (fd < 0) return -fd;
  int err = emit_file(&at, fd, s, how);
  if (err == 0 && enter && S_ISDIR(s->st_mode)) return push(w, fd);
  close(fd);
  return err;
}

/* One child. RESOLVE_NO_XDEV: what is mounted here is not part of the tree, unless it is wanted. A name that has gone
 * since it was read is none. */
static int visit(struct walk *w, const char *name) {
  struct stat s;
  int err = set_path(w, name);
  if (err != 0) return err;
  uint64_t stay = w->flags & WALK_CROSS ? 0 : RESOLVE_NO_XDEV;
  int found = open_at2(w->dir, name, O_PATH | O_NOFOLLOW, 0, stay | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH);
  if (found == -EXDEV) {
    struct place at = {w->dir, name, w->path.base, w->path.len};
    return fstatat(w->dir, name, &s, AT_SYMLINK_NOFOLLOW) < 0 ? errno : emit_file(&at, -1, &s, CONTENT_HIDDEN);
  }
  if (found < 0) return found == -ENOENT ? 0 : -found;
  err = fstat(found, &s) < 0 ? errno : 0;
  bool other = err == 0 && s.st_dev != level_at(w, w->level)->dev && skipped(w, found);
  if (err == 0) err = emit_found(w, found, &s, other ? CONTENT_HIDDEN : content_of(w), !other);
  close(found);
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

/* A link alone is followed by what it leads to, under that one's own path in our root. Nothing there: nothing said. */
static int emit_target(struct walk *w, const char *path) {
  struct stat s;
  char name[12];
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return errno;
  int found = open_in_root(root, path, O_PATH, 0);
  close(root);
  if (found < 0) return found == -ENOENT || found == -ENOTDIR || found == -ELOOP ? 0 : -found;
  int err = fstat(found, &s) < 0 ? errno : arena_room(&w->path, 4096);
  ssize_t len = err == 0 ? readlinkat(w->self_fd, fd_name(found, name), w->path.base, 4096) : 0;
  if (len < 0) err = errno;
  w->path.len = len > 0 ? (size_t)len : 0;
  if (err == 0) err = emit_found(w, found, &s, content_of(w), false);
  close(found);
  return err;
}

static int walk_from(struct walk *w, const char *path) {
  struct stat s;
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return errno;
  int found = open_in_root(root, path, O_PATH | (w->flags & WALK_FOLLOW ? 0 : O_NOFOLLOW), 0);
  close(root);
  if (found < 0) return -found;
  bool alone = (w->flags & WALK_ALONE) != 0;
  int err = fstat(found, &s) < 0 ? errno : 0;
  if (err == 0 && !alone && skipped(w, found)) err = EOPNOTSUPP;
  if (err == 0) err = emit_found(w, found, &s, content_of(w), !alone);
  close(found);
  if (err == 0 && alone && S_ISLNK(s.st_mode)) err = emit_target(w, path);
  return err;
}

/* A file, and every one below it, as a record on descriptor 1, each directory before what is in it, names in byte
 * order. Reads only; the layout of a record stands in walk_emit.c. The path is resolved below our root, whatever links
 * say. EOPNOTSUPP: it lies on a file system that is to be skipped. */
int op_walk(struct ctx *c, const struct arg *a) {
  struct walk w = {.level = NO_LEVEL, .dir = -1, .flags = (uint32_t)a[1].num, .skip = &a[3]};
  w.self_fd = slot_fd(c, a[2].num);
  emit_reset();
  int err = walk_from(&w, a[0].str);
  if (err == 0) err = walk_levels(&w);
  if (err == 0) err = emit_flush();
  if (w.dir >= 0) close(w.dir);
  arena_free(&w.mem);
  arena_free(&w.path);
  return err;
}
