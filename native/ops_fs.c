/* Operations on files and directories. A relative or absolute path is the calling section's own. */
#include "util.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CGROUP1_MAGIC 0x27e0eb
#define CGROUP2_MAGIC 0x63677270
#define CGROUP_BUSY_MS 2000

/* mkdir(2). The mode goes through the umask; a plan that cares sets the umask first. */
int op_mkdir(struct ctx *c, const struct arg *a) {
  (void)c;
  return mkdir(a[0].str, (mode_t)a[1].num) < 0 ? errno : 0;
}

static bool on_cgroupfs(const char *path) {
  struct statfs s;
  if (statfs(path, &s) < 0) return false;
  return s.f_type == CGROUP1_MAGIC || s.f_type == CGROUP2_MAGIC;
}

/* rmdir(2); missing is done, for an undo may come twice. A cgroup stays busy for a moment after its last process
 * was reaped (cgroups(7)), hence the retries, for cgroups only: a mount point is busy for good. */
int op_rmdir(struct ctx *c, const struct arg *a) {
  (void)c;
  struct patience p = {0, 0};
  while (rmdir(a[0].str) < 0) {
    int err = errno;
    if (err == ENOENT) return 0;
    if (err != EBUSY || !on_cgroupfs(a[0].str)) return err;
    if (p.next_ms == 0) patience_start(&p, CGROUP_BUSY_MS);
    if (!patience_wait(&p)) return EBUSY;
  }
  return 0;
}

/* One write(2): the files of /proc and of cgroups take each write as a whole value. close(2) may bring the error of
 * a delayed write. A file that is created must not be reached through a link somebody left in its place. */
int op_write(struct ctx *c, const struct arg *a) {
  (void)c;
  int create = a[2].num != 0 ? O_CREAT | O_TRUNC | O_NOFOLLOW : 0;
  int fd = open(a[0].str, O_WRONLY | O_CLOEXEC | create, 0644);
  if (fd < 0) return errno;
  ssize_t n = write(fd, a[1].str, a[1].len);
  int err = n < 0 ? errno : (size_t)n != a[1].len ? EIO : 0;
  if (close(fd) < 0 && err == 0) err = errno;
  return err;
}

/* unlink(2); missing is done: an undo may come twice. */
int op_unlink(struct ctx *c, const struct arg *a) {
  (void)c;
  return unlink(a[0].str) < 0 && errno != ENOENT ? errno : 0;
}

/* unlink(2) of a link that still says what it should: a name that is somebody else's by now stays. An undo may come
 * twice. Nobody makes another link there between the two calls: a name is free only once it is gone. */
int op_unlink_link(struct ctx *c, const struct arg *a) {
  (void)c;
  char text[256];
  ssize_t n = readlink(a[0].str, text, sizeof text);
  if (n < 0) return errno == ENOENT || errno == EINVAL ? 0 : errno;
  if ((size_t)n != a[1].len || memcmp(text, a[1].str, a[1].len) != 0) return 0;
  return unlink(a[0].str) < 0 && errno != ENOENT ? errno : 0;
}

/* symlink(2). The target is only text here; nothing resolves it. */
int op_symlink(struct ctx *c, const struct arg *a) {
  (void)c;
  return symlink(a[0].str, a[1].str) < 0 ? errno : 0;
}

/* linkat(2) without AT_SYMLINK_FOLLOW: a hard link to a symlink is the symlink itself. */
int op_link(struct ctx *c, const struct arg *a) {
  (void)c;
  return linkat(AT_FDCWD, a[0].str, AT_FDCWD, a[1].str, 0) < 0 ? errno : 0;
}

/* mknod(2), then chmod(2), because mknod's mode goes through the umask. EEXIST is never overlooked, so the chmod can
 * only meet the node just made. */
int op_mknod(struct ctx *c, const struct arg *a) {
  (void)c;
  dev_t dev = makedev((unsigned)a[2].num, (unsigned)a[3].num);
  if (mknod(a[0].str, (mode_t)a[1].num, dev) < 0) return errno;
  if (chmod(a[0].str, (mode_t)a[1].num & 07777) == 0) return 0;
  int err = errno;
  unlink(a[0].str);
  return err;
}

/* lchown(2): never the file a link points to. It clears setuid bits, so chmod comes after it. */
int op_chown(struct ctx *c, const struct arg *a) {
  (void)c;
  return lchown(a[0].str, (uid_t)a[1].num, (gid_t)a[2].num) < 0 ? errno : 0;
}

/* A symlink has no mode of its own (symlink(7)): nothing to do. Asked with lstat(2), for fchmodat2(2) with
 * AT_SYMLINK_NOFOLLOW needs Linux 6.6 and the libraries' substitute needs /proc. */
int op_chmod(struct ctx *c, const struct arg *a) {
  (void)c;
  struct stat s;
  if (lstat(a[0].str, &s) < 0) return errno;
  if (S_ISLNK(s.st_mode)) return 0;
  return chmod(a[0].str, (mode_t)a[1].num & 07777) < 0 ? errno : 0;
}

/* utimensat(2), both times, of a link itself. Seconds are signed: times before 1970 exist in archives. */
int op_utimes(struct ctx *c, const struct arg *a) {
  (void)c;
  struct timespec t = {.tv_sec = (time_t)(int64_t)a[1].num, .tv_nsec = (long)a[2].num};
  struct timespec both[2] = {t, t};
  return syscall(SYS_utimensat, AT_FDCWD, a[0].str, both, AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
}

/* lsetxattr(2). security.capability is cleared by chown and by writing, so it comes after both. xattr(7). */
int op_xattr(struct ctx *c, const struct arg *a) {
  (void)c;
  return lsetxattr(a[0].str, a[1].str, a[2].str, a[2].len, 0) < 0 ? errno : 0;
}

/* chdir(2), then getcwd(2): a directory that / does not lead to shows as "(unreachable)…", and would be a way out of
 * the container (CVE-2024-21626). */
int op_chdir(struct ctx *c, const struct arg *a) {
  (void)c;
  char cwd[4096];
  if (chdir(a[0].str) < 0) return errno;
  long n = syscall(SYS_getcwd, cwd, sizeof cwd);
  if (n < 0) return errno;
  return cwd[0] == '/' ? 0 : ENOENT;
}

/* chroot(2) leaves the working directory outside, from where ".." escapes: the chdir belongs to it. */
int op_chroot(struct ctx *c, const struct arg *a) {
  (void)c;
  if (chroot(a[0].str) < 0) return errno;
  return chdir("/") < 0 ? errno : 0;
}

/* umask(2) cannot fail. */
int op_umask(struct ctx *c, const struct arg *a) {
  (void)c;
  umask((mode_t)a[0].num);
  return 0;
}

/* rename(2): atomic, replaces what stands at the new path. */
int op_rename(struct ctx *c, const struct arg *a) {
  (void)c;
  return rename(a[0].str, a[1].str) < 0 ? errno : 0;
}

/* A new file that the following file-data steps fill. What was there is unlinked, not truncated: a hard link to it
 * keeps its content, and a symlink is not written through (O_EXCL). fchmod because open's mode meets the umask. */
int op_create_file(struct ctx *c, const struct arg *a) {
  if (c->file >= 0) {
    int old = c->file;
    c->file = -1;
    if (close(old) < 0) return errno;
  }
  if (unlink(a[0].str) < 0 && errno != ENOENT) return errno;
  mode_t mode = (mode_t)a[1].num & 07777;
  int fd = open(a[0].str, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) return errno;
  if (fchmod(fd, mode) < 0) {
    int err = errno;
    close(fd);
    unlink(a[0].str);
    return err;
  }
  c->file = fd;
  return 0;
}

/* write(2) to the file of the last create-file. */
int op_file_data(struct ctx *c, const struct arg *a) {
  return c->file < 0 ? EBADF : write_all(c->file, a[0].str, a[0].len);
}
