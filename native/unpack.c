/* Operations of a layer being unpacked; the process is chrooted in it, and nobody else knows it yet. */
#include "util.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static char names[65536];    /* XATTR_LIST_MAX */
static char buffer[65536];   /* XATTR_SIZE_MAX, and pieces of files */

/* Who owns it, how it may be used, when it was changed. */
struct attributes {
  uid_t uid;
  gid_t gid;
  mode_t mode;
  struct timespec mtime;
};

/* futimens(3) and its like, without a libc that asks for the time zone. */
static int set_times(int fd, const char *path, const struct timespec *mtime) {
  struct timespec both[2] = {*mtime, *mtime};
  return syscall(SYS_utimensat, fd, path, both, path == NULL ? 0 : AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
}

/* The owner first: chown(2) clears setuid bits. The times last. */
static int set_attributes(int fd, const struct attributes *at) {
  if (fchown(fd, at->uid, at->gid) < 0 || fchmod(fd, at->mode & 07777) < 0) return errno;
  return set_times(fd, NULL, &at->mtime);
}

/* Closes; close(2) may bring the error of a delayed write. */
static int finish(int fd, int err) {
  if (close(fd) < 0 && err == 0) err = errno;
  return err;
}

/* A new file, in the place of whatever stands there: a hard link to that keeps its content, and a symlink is not
 * written through (O_EXCL). Readable for nobody until its owner and mode are set. */
static int create(const char *path) {
  int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int fd = open(path, flags, 0600);
  if (fd < 0 && errno == EEXIST && unlink(path) == 0) fd = open(path, flags, 0600);
  return fd < 0 ? -errno : fd;
}

/* A whole small file in one step. */
int op_file(struct ctx *c, const struct arg *a) {
  (void)c;
  struct attributes at = {(uid_t)a[2].num, (gid_t)a[3].num, (mode_t)a[1].num,
                          {.tv_sec = (time_t)(int64_t)a[4].num, .tv_nsec = (long)a[5].num}};
  int fd = create(a[0].str);
  if (fd < 0) return -fd;
  int err = write_all(fd, a[6].str, a[6].len);
  return finish(fd, err != 0 ? err : set_attributes(fd, &at));
}

/* The last step of a file that create-file began. */
int op_file_end(struct ctx *c, const struct arg *a) {
  struct attributes at = {(uid_t)a[1].num, (gid_t)a[2].num, (mode_t)a[0].num,
                          {.tv_sec = (time_t)(int64_t)a[3].num, .tv_nsec = (long)a[4].num}};
  if (c->file < 0) return EBADF;
  int fd = c->file;
  c->file = -1;
  return finish(fd, set_attributes(fd, &at));
}

/* Zeros that take no room on the disk. lseek(2) alone would not lengthen the file. */
int op_file_hole(struct ctx *c, const struct arg *a) {
  if (a[0].num > INT64_MAX) return EFBIG;
  off_t end = lseek(c->file, (off_t)a[0].num, SEEK_CUR);
  return end < 0 || ftruncate(c->file, end) < 0 ? errno : 0;
}

/* What an image may carry: the rest belongs to the host or to overlayfs. */
static bool wanted(const char *name) {
  return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0;
}

static int copy_xattrs(int from, int to) {
  ssize_t n = flistxattr(from, names, sizeof names);
  if (n < 0) return errno == EOPNOTSUPP ? 0 : errno;
  for (const char *p = names; p < names + n; p += strlen(p) + 1) {
    if (!wanted(p)) continue;
    ssize_t len = fgetxattr(from, p, buffer, sizeof buffer);
    if (len < 0 || fsetxattr(to, p, buffer, (size_t)len, 0) < 0) return errno;
  }
  return 0;
}

static int copy_content(int from, int to) {
  for (;;) {
    ssize_t n = read(from, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : 0;
    int err = write_all(to, buffer, (size_t)n);
    if (err != 0) return err;
  }
}

static struct attributes attributes_of(const struct stat *s) {
  return (struct attributes){s->st_uid, s->st_gid, s->st_mode, s->st_mtim};
}

/* No part of the way may be a link, or it could lead out of the layer below. */
static int open_below(const struct ctx *c, const struct arg *a, uint64_t flags) {
  return open_at2(slot_fd(c, a[0].num), a[1].str, flags | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

/* Owner, mode, attributes, then times: writing an attribute changes none of them, writing content does. */
static int copy_metadata(int from, int to, const struct stat *s) {
  struct attributes at = attributes_of(s);
  if (fchown(to, at.uid, at.gid) < 0) return errno;
  int err = copy_xattrs(from, to);
  return err != 0 ? err : set_attributes(to, &at);
}

static int copy_file(const struct ctx *c, const struct arg *a, const struct stat *s) {
  int from = open_below(c, a, O_RDONLY | O_NONBLOCK);
  if (from < 0) return -from;
  int to = create(a[2].str);
  int err = to < 0 ? -to : copy_content(from, to);
  if (err == 0) err = copy_metadata(from, to, s);
  if (to >= 0) err = finish(to, err);
  close(from);
  return err;
}

/* A link, a device or a fifo. */
static int copy_special(int from, const char *path, const struct stat *s) {
  struct attributes at = attributes_of(s);
  if (S_ISLNK(s->st_mode)) {
    ssize_t n = readlinkat(from, "", buffer, sizeof buffer - 1);
    if (n < 0) return errno;
    buffer[n] = 0;
    if (symlink(buffer, path) < 0) return errno;
  } else if (mknod(path, s->st_mode, s->st_rdev) < 0) {
    return errno;
  }
  if (lchown(path, at.uid, at.gid) < 0) return errno;
  if (!S_ISLNK(s->st_mode) && chmod(path, at.mode & 07777) < 0) return errno;
  return set_times(AT_FDCWD, path, &at.mtime);
}

/* A file of a layer below, with all its metadata, as overlayfs copies it up before a change. `slot` holds the
 * directory of all layers. */
int op_copy_up(struct ctx *c, const struct arg *a) {
  struct stat s;
  int fd = open_below(c, a, O_PATH);
  if (fd < 0) return -fd;
  int err = fstat(fd, &s) < 0 ? errno : S_ISDIR(s.st_mode) ? EISDIR : 0;
  if (err == 0) err = S_ISREG(s.st_mode) ? copy_file(c, a, &s) : copy_special(fd, a[2].str, &s);
  close(fd);
  return err;
}

/* Owner, mode, attributes and times of a layer's directory, for one that stands there already. */
int op_copy_attributes(struct ctx *c, const struct arg *a) {
  struct stat s;
  int from = open_below(c, a, O_RDONLY | O_DIRECTORY);
  if (from < 0) return -from;
  int to = open(a[2].str, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int err = to < 0 || fstat(from, &s) < 0 ? errno : copy_metadata(from, to, &s);
  if (to >= 0) close(to);
  close(from);
  return err;
}

/* syncfs(2): what was unpacked is on the disk before the layer gets its name. */
int op_sync_files(struct ctx *c, const struct arg *a) {
  (void)c;
  (void)a;
  int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  return finish(fd, syncfs(fd) < 0 ? errno : 0);
}

/* ext4 lays a directory's children near it, and steps over each inode there that was removed in the last minute (five,
 * if that is not on the disk yet) for each new one: where layers come and go, that is most of the time of unpacking.
 * The flag says that what lies in this directory has nothing to do with each other, so that each child begins
 * elsewhere. chattr(1), +T. A hint only: other file systems have none, and nothing depends on it. */
int op_spread_directories(struct ctx *c, const struct arg *a) {
  (void)c;
  int flags;
  int fd = open(a[0].str, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && !(flags & FS_TOPDIR_FL)) {
    flags |= FS_TOPDIR_FL;
    (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
  }
  close(fd);
  return 0;
}
