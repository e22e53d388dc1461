/*
 * Copying into a tree that is in use: every name is looked up below an open directory by openat2(2), so that no link
 * leads out of our root, however fast it is exchanged (CVE-2018-15664). What is no directory is made beside its place
 * under a name of its own and renamed there when it is whole: readers see the old file or the new one.
 */
#include "util.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

/* What the steps up to the next put-end are about. */
static struct {
  int parent;       /* where its name stands; -1: a directory, or nothing */
  int fd;           /* itself: O_PATH unless a plain file or a directory; -1: nothing */
  bool plain;
  bool replace;
  char name[256];
  char temp[32];
} put = {.parent = -1, .fd = -1};

static void forget(void) {
  if (put.parent >= 0) close(put.parent);
  if (put.fd >= 0) close(put.fd);
  put.parent = put.fd = -1;
}

void put_drop(void) {
  if (put.parent >= 0) unlinkat(put.parent, put.temp, 0);
  forget();
}

const char *put_name(void) { return put.name; }

static int failed(int err) {
  if (err != 0) put_drop();
  return err;
}

static uint64_t resolve_of(uint32_t flags) {
  return RESOLVE_NO_MAGICLINKS | (flags & PUT_FOLLOW ? 0 : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

/* The directory `dir` names below `top`, missing ones made. Descriptor or -errno. */
static int open_directories(int top, const char *dir, uint64_t resolve) {
  int cur = open_at2(top, *dir == 0 ? "." : dir, O_PATH | O_DIRECTORY, 0, resolve);
  if (cur != -ENOENT) return cur;
  cur = open_at2(top, ".", O_PATH | O_DIRECTORY, 0, resolve);
  while (cur >= 0 && *dir != 0) {
    char part[256];
    size_t len = strcspn(dir, "/");
    if (len >= sizeof part) {
      close(cur);
      return -ENAMETOOLONG;
    }
    memcpy(part, dir, len);
    part[len] = 0;
    dir += len + strspn(dir + len, "/");
    int next = open_at2(cur, part, O_PATH | O_DIRECTORY, 0, resolve);
    if (next == -ENOENT && mkdirat(cur, part, 0755) < 0 && errno != EEXIST) next = -errno;
    else if (next == -ENOENT) next = open_at2(cur, part, O_PATH | O_DIRECTORY, 0, resolve);
    close(cur);
    cur = next;
  }
  return cur;
}

/* The directory that holds the last part of `path`, which is put into `name`. Descriptor or -errno. */
static int open_parent(int top, const char *path, uint32_t flags, char name[256]) {
  char dir[4096];
  const char *slash = strrchr(path, '/');
  const char *base = slash == NULL ? path : slash + 1;
  size_t dir_len = slash == NULL ? 0 : (size_t)(slash - path);
  if (dir_len >= sizeof dir || strlen(base) > 255) return -ENAMETOOLONG;
  if (*base == 0 || is_dot(base)) return -EINVAL;
  memcpy(dir, path, dir_len);
  dir[dir_len] = 0;
  memcpy(name, base, strlen(base) + 1);
  return open_directories(top, dir, resolve_of(flags));
}

/* A name nobody else has or guesses; the same for all files of one stream, for only one is there at a time. */
static int choose_temp(void) {
  static const char digits[] = "0123456789abcdef";
  unsigned char random[8];
  if (put.temp[0] != 0) return 0;
  if (syscall(SYS_getrandom, random, sizeof random, 0) != (long)sizeof random) return EIO;
  memcpy(put.temp, ".mydocker-", 10);
  for (size_t i = 0; i < sizeof random; i++) {
    put.temp[10 + 2 * i] = digits[random[i] >> 4];
    put.temp[11 + 2 * i] = digits[random[i] & 15];
  }
  put.temp[26] = 0;
  return 0;
}

/* A directory in the way is refused before anything is written. */
static int begin(const struct ctx *c, const struct arg *a) {
  struct stat s;
  uint32_t flags = (uint32_t)a[2].num;
  put_drop();
  int parent = open_parent(slot_fd(c, a[0].num), a[1].str, flags, put.name);
  if (parent < 0) return -parent;
  int err = choose_temp();
  put.replace = (flags & PUT_REPLACE) != 0;
  if (err == 0 && !put.replace && fstatat(parent, put.name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(s.st_mode))
    err = EISDIR;
  if (err == 0) put.parent = parent;
  else close(parent);
  return err;
}

/* An existing directory is kept, with what is in it. ENOTDIR: something else stands there. */
int op_put_directory(struct ctx *c, const struct arg *a) {
  uint32_t flags = (uint32_t)a[2].num;
  put_drop();
  int parent = open_parent(slot_fd(c, a[0].num), a[1].str, flags, put.name);
  if (parent < 0) return -parent;
  int fd = -ENOTDIR;
  for (int tries = 0; tries < 2 && fd == -ENOTDIR; tries++) {
    int err = mkdirat(parent, put.name, (mode_t)a[3].num & 07777) < 0 && errno != EEXIST ? errno : 0;
    fd = err != 0 ? -err : open_at2(parent, put.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_NO_MAGICLINKS);
    if (fd == -ELOOP) fd = -ENOTDIR;
    if (fd == -ENOTDIR && !(flags & PUT_REPLACE)) break;
    if (fd == -ENOTDIR && unlinkat(parent, put.name, 0) < 0 && errno != ENOENT) fd = -errno;
  }
  close(parent);
  if (fd < 0) return -fd;
  put.fd = fd;
  put.plain = false;
  return 0;
}

/* Its content follows in file-data and file-hole steps. Readable for nobody until put-end. */
int op_put_file(struct ctx *c, const struct arg *a) {
  int err = begin(c, a);
  if (err != 0) return err;
  put.plain = true;
  put.fd = openat(put.parent, put.temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (put.fd < 0) return failed(errno);
  if (c->file >= 0) close(c->file);
  c->file = fcntl(put.fd, F_DUPFD_CLOEXEC, 0);
  return c->file < 0 ? failed(errno) : 0;
}

static int hold_temp(void) {
  put.plain = false;
  put.fd = openat(put.parent, put.temp, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  return put.fd < 0 ? failed(errno) : 0;
}

/* A device or a fifo. Its mode is whole at once: the plan has set the umask to 0. */
int op_put_node(struct ctx *c, const struct arg *a) {
  int err = begin(c, a);
  if (err != 0) return err;
  dev_t dev = makedev((unsigned)a[4].num, (unsigned)a[5].num);
  if (mknodat(put.parent, put.temp, (mode_t)a[3].num, dev) < 0) return failed(errno);
  return hold_temp();
}

int op_put_symlink(struct ctx *c, const struct arg *a) {
  int err = begin(c, a);
  if (err != 0) return err;
  if (symlinkat(a[3].str, put.parent, put.temp) < 0) return failed(errno);
  return hold_temp();
}

static int copy_into(int from, int to) {
  static char buffer[65536];
  if (lseek(from, 0, SEEK_SET) < 0 || ftruncate(to, 0) < 0) return errno;
  for (;;) {
    ssize_t n = read(from, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : 0;
    int err = write_all(to, buffer, (size_t)n);
    if (err != 0) return err;
  }
}

/* A file that is a mount point (/etc/hosts, a file given with -v) cannot be replaced: it gets the content only. */
static int write_through(void) {
  struct stat s;
  int to = openat(put.parent, put.name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (to < 0) return errno;
  int err = fstat(to, &s) < 0 ? errno : S_ISREG(s.st_mode) ? copy_into(put.fd, to) : EBUSY;
  if (close(to) < 0 && err == 0) err = errno;
  return err;
}

/* A directory makes way: exchanged first, so that the place is never empty. */
static int replace_directory(void) {
  struct arg old = {.str = put.temp, .len = (uint32_t)strlen(put.temp)};
  if (syscall(SYS_renameat2, put.parent, put.temp, put.parent, put.name, RENAME_EXCHANGE) < 0) return errno;
  if (fchdir(put.parent) < 0) return errno;
  int err = op_remove_tree(NULL, &old);
  return chdir("/") < 0 && err == 0 ? errno : err;
}

/* To its place. */
static int take_place(bool link) {
  int err = renameat(put.parent, put.temp, put.parent, put.name) < 0 ? errno : 0;
  /* Two names of one file are left as they are by rename(2). */
  bool stays = link || err != 0;
  if (err == EISDIR && put.replace) err = replace_directory();
  if (err == EBUSY && put.plain) err = write_through();
  if (stays) unlinkat(put.parent, put.temp, 0);
  forget();
  return err;
}

/* A further name for a file that was put already. */
int op_put_link(struct ctx *c, const struct arg *a) {
  char name[256];
  int from = open_parent(slot_fd(c, a[0].num), a[3].str, (uint32_t)a[2].num, name);
  if (from < 0) return -from;
  int err = begin(c, a);
  if (err == 0 && linkat(from, name, put.parent, put.temp, 0) < 0) err = failed(errno);
  close(from);
  if (err != 0) return err;
  put.plain = false;
  return take_place(true);
}

/* Before mode and attributes: chown(2) clears setuid bits and capabilities. */
int op_put_owner(struct ctx *c, const struct arg *a) {
  (void)c;
  return fchownat(put.fd, "", (uid_t)a[0].num, (gid_t)a[1].num, AT_EMPTY_PATH) < 0 ? errno : 0;
}

int op_put_xattr(struct ctx *c, const struct arg *a) {
  (void)c;
  return fsetxattr(put.fd, a[0].str, a[1].str, a[1].len, 0) < 0 ? errno : 0;
}

/* Mode, times, and the name. */
int op_put_end(struct ctx *c, const struct arg *a) {
  struct timespec t = {.tv_sec = (time_t)(int64_t)a[1].num, .tv_nsec = (long)a[2].num};
  struct timespec both[2] = {t, t};
  int err = put.fd < 0 ? EBADF : 0;
  bool path_only = put.parent >= 0 && !put.plain;
  if (c->file >= 0 && close(c->file) < 0 && err == 0) err = errno;
  c->file = -1;
  if (err == 0 && !path_only && fchmod(put.fd, (mode_t)a[0].num & 07777) < 0) err = errno;
  /* futimens(3) for one, AT_EMPTY_PATH for a descriptor that is only a place. utimensat(2) */
  if (err == 0 && syscall(SYS_utimensat, put.fd, path_only ? "" : NULL, both, path_only ? AT_EMPTY_PATH : 0) < 0)
    err = errno;
  if (err != 0) return failed(err);
  if (put.parent >= 0) return take_place(false);
  forget();
  return 0;
}

/* The directory everything else is relative to. */
int op_open_in_root(struct ctx *c, const struct arg *a) {
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return errno;
  int fd = open_in_root(root, a[0].str, O_PATH | O_DIRECTORY, 0);
  close(root);
  return fd < 0 ? -fd : slot_put(c, a[1].num, fd);
}
