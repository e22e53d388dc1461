/* What a volume begins with: the image's files, copied. And how it ends. */
#include "util.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Two descriptors and a page of the stack for each level. */
#define MAX_DEPTH 400

static char names[65536];  /* XATTR_LIST_MAX */
static char value[65536];  /* XATTR_SIZE_MAX, and pieces of files */

/* "A/B/C"; 0, or ENAMETOOLONG. snprintf(3) would bring two kilobytes into every monitor. */
static int join(char *to, size_t size, const char *a, const char *b, const char *c) {
  const char *parts[] = {a, b, c};
  size_t at = 0;
  for (size_t i = 0; i < 3 && parts[i] != NULL; i++) {
    size_t n = strlen(parts[i]);
    if (at + n + 2 > size) return ENAMETOOLONG;
    if (i > 0) to[at++] = '/';
    memcpy(to + at, parts[i], n);
    at += n;
  }
  to[at] = 0;
  return 0;
}

static void decimal(char *to, uint64_t n) {
  char digits[24];
  size_t len = 0;
  do digits[len++] = (char)('0' + n % 10); while ((n /= 10) > 0);
  while (len > 0) *to++ = digits[--len];
  *to = 0;
}

struct copy {
  int links; /* directory: one name, its inode's number, for each file that has several */
};

static int times(int dir, const char *name, const struct stat *s) {
  struct timespec both[2] = {s->st_atim, s->st_mtim};
  return syscall(SYS_utimensat, dir, name, both, name == NULL ? 0 : AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
}

/* Overlayfs keeps its own out of sight; what is left belongs to the file. */
static int copy_xattrs(int from, int to) {
  ssize_t n = flistxattr(from, names, sizeof names);
  if (n < 0) return errno == EOPNOTSUPP ? 0 : errno;
  for (const char *p = names; p < names + n; p += strlen(p) + 1) {
    ssize_t len = fgetxattr(from, p, value, sizeof value);
    if (len < 0 || fsetxattr(to, p, value, (size_t)len, 0) < 0) return errno;
  }
  return 0;
}

/* The owner first: chown(2) clears setuid bits and security.capability. The times last. */
COLD static int copy_metadata(int from, int to, const struct stat *s) {
  if (fchown(to, s->st_uid, s->st_gid) < 0 || fchmod(to, s->st_mode & 07777) < 0) return errno;
  int err = copy_xattrs(from, to);
  return err != 0 ? err : times(to, NULL, s);
}

/* Data only: holes stay holes. lseek(2) */
static int copy_content(int from, int to, off_t size) {
  for (off_t at = 0; at < size;) {
    off_t data = lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) data = at;
    off_t end = lseek(from, data, SEEK_HOLE);
    if (end < 0 || end > size) end = size;
    if (lseek(from, data, SEEK_SET) < 0 || lseek(to, data, SEEK_SET) < 0) return errno;
    for (at = data; at < end;) {
      size_t want = end - at < (off_t)sizeof value ? (size_t)(end - at) : sizeof value;
      ssize_t n = read(from, value, want);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno;
      if (n == 0) return EIO;
      int err = write_all(to, value, (size_t)n);
      if (err != 0) return err;
      at += n;
    }
  }
  return ftruncate(to, size) < 0 ? errno : 0;
}

COLD static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *s) {
  int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (from < 0) return errno;
  int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int err = to < 0 ? errno : copy_content(from, to, s->st_size);
  if (err == 0) err = copy_metadata(from, to, s);
  if (to >= 0 && close(to) < 0 && err == 0) err = errno;
  close(from);
  return err;
}

COLD static int copy_special(int from_dir, int to_dir, const char *name, const struct stat *s) {
  if (S_ISLNK(s->st_mode)) {
    ssize_t n = readlinkat(from_dir, name, value, sizeof value - 1);
    if (n < 0) return errno;
    value[n] = 0;
    if (symlinkat(value, to_dir, name) < 0) return errno;
  } else if (mknodat(to_dir, name, s->st_mode, s->st_rdev) < 0) {
    return errno;
  }
  if (fchownat(to_dir, name, s->st_uid, s->st_gid, AT_SYMLINK_NOFOLLOW) < 0) return errno;
  if (!S_ISLNK(s->st_mode) && fchmodat(to_dir, name, s->st_mode & 07777, 0) < 0) return errno;
  return times(to_dir, name, s);
}

/* A file that has several names stays one: its first copy is kept by number until all is copied. */
static int copy_leaf(const struct copy *job, int from, int to, const char *name, const struct stat *s) {
  char number[24];
  if (s->st_nlink < 2) return S_ISREG(s->st_mode) ? copy_file(from, to, name, s) : copy_special(from, to, name, s);
  decimal(number, s->st_ino);
  if (linkat(job->links, number, to, name, 0) == 0) return 0;
  if (errno != ENOENT) return errno;
  int err = S_ISREG(s->st_mode) ? copy_file(from, to, name, s) : copy_special(from, to, name, s);
  if (err != 0) return err;
  return linkat(to, name, job->links, number, 0) < 0 ? errno : 0;
}

COLD static int copy_entries(const struct copy *job, int from, int to, uint32_t depth);

static int copy_directory(const struct copy *job, int from_dir, int to_dir, const char *name, const struct stat *s,
                          uint32_t depth) {
  if (depth >= MAX_DEPTH) return ELOOP;
  int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (from < 0) return errno;
  int err = mkdirat(to_dir, name, 0700) < 0 ? errno : 0;
  int to = err != 0 ? -1 : openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (err == 0 && to < 0) err = errno;
  if (err == 0) err = copy_entries(job, from, to, depth + 1);
  if (err == 0) err = copy_metadata(from, to, s);
  if (to >= 0) close(to);
  close(from);
  return err;
}

COLD static int copy_entries(const struct copy *job, int from, int to, uint32_t depth) {
  _Alignas(8) char entries[4096];
  for (;;) {
    long n = read_dir(from, entries, sizeof entries);
    if (n <= 0) return (int)-n;
    for (long at = 0; at < n;) {
      const struct dirent64_raw *e = (const void *)(entries + at);
      at += e->reclen;
      if (is_dot(e->name)) continue;
      struct stat s;
      if (fstatat(from, e->name, &s, AT_SYMLINK_NOFOLLOW) < 0) return errno;
      int err = S_ISDIR(s.st_mode) ? copy_directory(job, from, to, e->name, &s, depth)
                                   : copy_leaf(job, from, to, e->name, &s);
      if (err != 0) return err;
    }
  }
}

static int is_empty(int dir, bool *empty) {
  _Alignas(8) char entries[4096];
  *empty = true;
  if (lseek(dir, 0, SEEK_SET) < 0) return errno;
  for (;;) {
    long n = read_dir(dir, entries, sizeof entries);
    if (n <= 0) return (int)-n;
    for (long at = 0; at < n;) {
      const struct dirent64_raw *e = (const void *)(entries + at);
      at += e->reclen;
      if (!is_dot(e->name)) *empty = false;
    }
  }
}

/* op_remove_tree of a path below the volume. */
static int remove_below(struct ctx *c, const char *volume, const char *name) {
  static char path[4096];
  if (join(path, sizeof path, volume, name, NULL) != 0) return ENAMETOOLONG;
  struct arg a = {.str = path, .len = (uint32_t)strlen(path)};
  return op_remove_tree(c, &a);
}

/* Everything in the data directory goes, the directory stays: it may be mounted somewhere. */
static int empty_data(struct ctx *c, const char *volume, int data) {
  _Alignas(8) char entries[4096];
  for (;;) {
    if (lseek(data, 0, SEEK_SET) < 0) return errno;
    long n = read_dir(data, entries, sizeof entries);
    if (n < 0) return (int)-n;
    uint32_t seen = 0;
    for (long at = 0; at < n;) {
      const struct dirent64_raw *e = (const void *)(entries + at);
      at += e->reclen;
      if (is_dot(e->name)) continue;
      char name[300];
      int err = join(name, sizeof name, "_data", e->name, NULL);
      if (err == 0) err = remove_below(c, volume, name);
      if (err != 0) return err;
      seen++;
    }
    if (seen == 0) return 0;
  }
}

static int copy_all(struct ctx *c, const char *volume, int from, int dir, int data) {
  struct stat s;
  if (fstat(from, &s) < 0) return errno;
  int err = remove_below(c, volume, "links");
  if (err == 0 && mkdirat(dir, "links", 0700) < 0) err = errno;
  if (err != 0) return err;
  struct copy job = {.links = openat(dir, "links", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  err = job.links < 0 ? errno : copy_entries(&job, from, data, 0);
  if (job.links >= 0) close(job.links);
  if (err == 0) err = copy_metadata(from, data, &s);
  return err != 0 ? err : remove_below(c, volume, "links");
}

/* With the volume locked. "copying" is there while a copy is not whole: one that somebody left who was killed is
 * begun anew. */
static int fill(struct ctx *c, const char *volume, int from, int dir) {
  int data = openat(dir, "_data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (data < 0) return errno;
  bool empty = false;
  int err = faccessat(dir, "copying", F_OK, 0) == 0 ? empty_data(c, volume, data) : 0;
  if (err == 0) err = is_empty(data, &empty);
  if (err == 0 && empty) {
    int mark = openat(dir, "copying", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    err = mark < 0 ? errno : 0;
    if (mark >= 0) close(mark);
    if (err == 0) err = copy_all(c, volume, from, dir, data);
    if (err != 0) (void)empty_data(c, volume, data);
    if (unlinkat(dir, "copying", 0) < 0 && err == 0) err = errno;
  }
  close(data);
  return err;
}

/* An empty volume gets what the root file system in the slot has at that path, with owners, modes, times and
 * attributes, as Docker does it. Nothing there, or no directory: it stays empty. Of several at once one copies, and the
 * others wait (flock(2)). */
int op_populate(struct ctx *c, const struct arg *a) {
  int from = open_in_root(slot_fd(c, a[0].num), a[1].str, O_RDONLY | O_DIRECTORY, 0);
  if (from == -ENOENT || from == -ENOTDIR) return 0;
  if (from < 0) return -from;
  int dir = open(a[2].str, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int err = dir < 0 ? errno : 0;
  while (err == 0 && flock(dir, LOCK_EX) < 0 && errno == EINTR) {}
  if (err == 0) err = fill(c, a[2].str, from, dir);
  if (dir >= 0) close(dir);
  close(from);
  return err;
}

/* Everything below one directory, into another that is empty; "links" is for files of several names. */
static int copy_tree(struct ctx *c, int from, int to, const char *to_path) {
  static const char links[] = ".mydocker-links";
  static char path[4096];
  int err = join(path, sizeof path, to_path, links, NULL);
  if (err == 0 && mkdirat(to, links, 0700) < 0) err = errno;
  if (err != 0) return err;
  struct copy job = {.links = openat(to, links, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  err = job.links < 0 ? errno : copy_entries(&job, from, to, 0);
  if (job.links >= 0) close(job.links);
  struct arg tree = {.str = path, .len = (uint32_t)strlen(path)};
  return err != 0 ? err : op_remove_tree(c, &tree);
}

/* A tmpfs just mounted takes over what it covers, in the slot: its content ("tmpcopyup") and its mode, as asked. An empty
 * slot: nothing was there. */
int op_tmpfs_copy_up(struct ctx *c, const struct arg *a) {
  struct stat s;
  if (slot_fd(c, a[0].num) < 0) return 0;
  int to = open(a[1].str, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (to < 0) return errno;
  int from = open_in_root(slot_fd(c, a[0].num), ".", O_RDONLY | O_DIRECTORY, 0);
  int err = from < 0 ? -from : fstat(from, &s) < 0 ? errno : 0;
  if (err == 0 && a[2].num != 0) err = copy_tree(c, from, to, a[1].str);
  if (err == 0 && a[3].num != 0 && fchmod(to, s.st_mode & 07777) < 0) err = errno;
  if (from >= 0) close(from);
  close(to);
  return err;
}

/* A container gives a volume back: its name in `users` goes. With `remove` the volume goes too, unless somebody else
 * uses it: rmdir(2) of `users` answers that question and keeps new users out, in one call. Missing is done: an undo may
 * come twice. */
int op_release_volume(struct ctx *c, const struct arg *a) {
  static char path[4096];
  if (join(path, sizeof path, a[0].str, "users", a[1].str) != 0) return ENAMETOOLONG;
  if (unlink(path) < 0 && errno != ENOENT) return errno;
  if (a[2].num == 0) return 0;
  (void)join(path, sizeof path, a[0].str, "users", NULL);
  if (rmdir(path) < 0 && errno != ENOENT) return errno == ENOTEMPTY || errno == EEXIST ? 0 : errno;
  struct arg tree = a[0];
  return op_remove_tree(c, &tree);
}
