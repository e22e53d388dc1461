/*
 * Mounts. System calls are made directly, with the kernel's own header: the libraries' <sys/mount.h> and
 * <linux/mount.h> do not go together everywhere.
 */
#include "util.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#define PROCFS_MAGIC 0x9fa0

enum create { CREATE_NOTHING = 0, CREATE_DIRECTORY = 1, CREATE_FILE = 2 };

static const char *text_or_null(const struct arg *a) { return a->str[0] != 0 ? a->str : NULL; }

/* mount(2). */
int op_mount(struct ctx *c, const struct arg *a) {
  (void)c;
  long r = syscall(SYS_mount, text_or_null(&a[0]), a[1].str, text_or_null(&a[2]), (unsigned long)a[3].num,
                   text_or_null(&a[4]));
  return r < 0 ? errno : 0;
}

/* umount2(2). */
int op_umount(struct ctx *c, const struct arg *a) {
  (void)c;
  return syscall(SYS_umount2, a[0].str, (int)a[1].num) < 0 ? errno : 0;
}

/* open_tree(2) with OPEN_TREE_CLONE: a bind mount that hangs nowhere yet. Taken from the host's paths before
 * pivot_root, attached after it, so the container's links never meet the host's tree. */
int op_open_tree(struct ctx *c, const struct arg *a) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (a[2].num != 0 ? AT_RECURSIVE : 0u);
  if (a[1].len == 0) {
    long whole = syscall(SYS_open_tree, AT_FDCWD, a[0].str, flags);
    return whole < 0 ? errno : slot_put(c, a[3].num, (int)whole);
  }
  /* A part of a volume: whoever writes into it chooses its links. */
  int base = open(a[0].str, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int part = base < 0 ? -errno : open_in_root(base, a[1].str, O_PATH, 0);
  if (base >= 0) close(base);
  if (part < 0) return -part;
  long fd = syscall(SYS_open_tree, part, "", flags | AT_EMPTY_PATH);
  int err = fd < 0 ? errno : 0;
  close(part);
  return err != 0 ? err : slot_put(c, a[3].num, (int)fd);
}

static int set_attr(int dir, const char *path, unsigned flags, struct mount_attr *attr) {
  return syscall(SYS_mount_setattr, dir, path, flags, attr, sizeof *attr) < 0 ? errno : 0;
}

/* mount_setattr(2) on a tree that is not attached yet: read-only holds from its first moment, and for all mounts below
 * at once or for none. */
int op_tree_setattr(struct ctx *c, const struct arg *a) {
  struct mount_attr attr = {.attr_set = a[1].num, .attr_clr = a[2].num, .propagation = a[3].num};
  if (a[5].num != NO_SLOT) {
    attr.attr_set |= MOUNT_ATTR_IDMAP;
    attr.userns_fd = (uint64_t)slot_fd(c, a[5].num);
  }
  return set_attr(slot_fd(c, a[0].num), "", AT_EMPTY_PATH | (a[4].num != 0 ? AT_RECURSIVE : 0u), &attr);
}

/* mount_setattr(2). */
int op_mount_setattr(struct ctx *c, const struct arg *a) {
  (void)c;
  struct mount_attr attr = {.attr_set = a[1].num, .attr_clr = a[2].num};
  return set_attr(AT_FDCWD, a[0].str, a[3].num != 0 ? AT_RECURSIVE : 0u, &attr);
}

/* pivot_root(2): the old root can be taken away afterwards, which chroot does not offer. */
int op_pivot_root(struct ctx *c, const struct arg *a) {
  (void)c;
  return syscall(SYS_pivot_root, a[0].str, a[1].str) < 0 ? errno : 0;
}

static int attach(int tree, int target) {
  long r = syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  return r < 0 ? errno : 0;
}

static int make_entry(int parent, const char *name, enum create kind) {
  if (kind == CREATE_DIRECTORY) return mkdirat(parent, name, 0755) < 0 && errno != EEXIST ? errno : 0;
  int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd < 0) return errno == EEXIST ? 0 : errno;
  close(fd);
  return 0;
}

/* Puts where a link leads into its place: `name` is the last component of `path` so far, `rest` what comes after it. */
static int splice_link(char *path, size_t size, char *name, const char *rest, const char *link, size_t len) {
  char tail[4096];
  size_t keep = link[0] == '/' ? 0 : (size_t)(name - path), rest_len = strlen(rest);
  if (keep + len + 1 + rest_len >= size) return ENAMETOOLONG;
  memcpy(tail, rest, rest_len + 1);
  memcpy(path + keep, link, len);
  path[keep + len] = '/';
  memcpy(path + keep + len + 1, tail, rest_len + 1);
  return 0;
}

/* Opens target (O_PATH), making what is missing on the way. Every prefix is resolved anew from the root: a link of
 * the image is followed, but inside the root. One that leads nowhere is followed too, and what it names is made: so
 * does Docker, and /etc/resolv.conf is such a link in many an image. Descriptor or -errno. */
static int open_target(int root, const char *target, enum create kind) {
  char path[4096];
  size_t len = strlen(target);
  if (len >= sizeof path) return -ENAMETOOLONG;
  memcpy(path, target, len + 1);
  while (len > 1 && path[len - 1] == '/') path[--len] = 0;

  int links = 0;
  int parent = open_in_root(root, "/", O_PATH | O_DIRECTORY, 0);
  for (char *name = path; parent >= 0;) {
    name += strspn(name, "/");
    char *end = name + strcspn(name, "/");
    bool last = *end == 0;
    if (*name == 0) return parent;
    *end = 0;
    int next = open_in_root(root, path, O_PATH, 0);
    char link[4096];
    ssize_t link_len = next == -ENOENT && kind != CREATE_NOTHING ? readlinkat(parent, name, link, sizeof link) : -1;
    if (link_len > 0) {
      close(parent);
      /* As many as path_resolution(7) allows. */
      int err = ++links > 40 ? ELOOP : splice_link(path, sizeof path, name, last ? "" : end + 1, link, (size_t)link_len);
      if (err != 0) return -err;
      for (len = strlen(path); len > 1 && path[len - 1] == '/';) path[--len] = 0;
      parent = open_in_root(root, "/", O_PATH | O_DIRECTORY, 0);
      name = path;
      continue;
    }
    if (next == -ENOENT && kind != CREATE_NOTHING) {
      int err = make_entry(parent, name, last ? kind : CREATE_DIRECTORY);
      next = err != 0 ? -err : open_in_root(root, path, O_PATH, 0);
    }
    if (!last) *end = '/';
    close(parent);
    if (last) return next;
    parent = next;
    name = end;
  }
  return parent;
}

/* The root itself must not be covered: the plan's later paths would all land in the volume. And a link of the image
 * must not lead a volume onto procfs, where the kernel's answers could be forged (CVE-2019-16884); who names /proc
 * himself may. move_mount(2) calls a directory on a file EINVAL, which it says of much else too: ENOTDIR. */
static int check_target(int root, int tree, int target, const char *text) {
  struct stat top, source, s;
  struct statfs fs;
  if (fstat(root, &top) < 0 || fstat(tree, &source) < 0 || fstat(target, &s) < 0 || fstatfs(target, &fs) < 0)
    return errno;
  if (top.st_dev == s.st_dev && top.st_ino == s.st_ino) return EINVAL;
  if (fs.f_type == PROCFS_MAGIC && strncmp(text, "/proc/", 6) != 0) return ELOOP;
  return S_ISDIR(source.st_mode) == S_ISDIR(s.st_mode) ? 0 : ENOTDIR;
}

/* move_mount(2) of a slot's tree onto a path of the container. openat2(2) with RESOLVE_IN_ROOT gives the target as a
 * descriptor, so no link can lead elsewhere between the look and the mount. */
int op_attach_tree(struct ctx *c, const struct arg *a) {
  const char *target = a[1].str;
  if (target[0] != '/' || a[2].num > CREATE_FILE) return EINVAL;
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return errno;
  int tree = slot_fd(c, a[0].num);
  enum create how = (enum create)a[2].num;
  /* What was asked for when the plan was made may be the other kind by now, or be known only here. */
  struct stat s;
  if (how != CREATE_NOTHING && fstat(tree, &s) == 0) how = S_ISDIR(s.st_mode) ? CREATE_DIRECTORY : CREATE_FILE;
  int fd = open_target(root, target, how);
  int err = fd < 0 ? -fd : check_target(root, tree, fd, target);
  if (err == 0) err = attach(tree, fd);
  if (fd >= 0) close(fd);
  close(root);
  return err;
}

/* An empty tmpfs nobody can write to. One page and one inode, because a limit of 0 means none. tmpfs(5) */
static int empty_tmpfs(void) {
  static const char *const limits[][2] = {{"nr_blocks", "1"}, {"nr_inodes", "1"}, {"mode", "0555"}};
  int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
  if (fs < 0) return -errno;
  long r = 0;
  for (size_t i = 0; i < sizeof limits / sizeof limits[0] && r == 0; i++)
    r = syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, limits[i][0], limits[i][1], 0);
  if (r == 0) r = syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
  if (r == 0) {
    unsigned attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    r = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attrs);
  }
  int result = r < 0 ? -errno : (int)r;
  close(fs);
  return result;
}

/* A clone of the container's /dev/null, checked after it was taken: an image or a racing container could have put
 * a link or a file there and so have it mounted over what must stay hidden (CVE-2025-31133). */
static int null_device(void) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
  int fd = (int)syscall(SYS_open_tree, AT_FDCWD, "/dev/null", flags);
  if (fd < 0) return -errno;
  struct stat s;
  int err = fstat(fd, &s) < 0 ? errno : 0;
  if (err == 0 && (!S_ISCHR(s.st_mode) || s.st_rdev != makedev(1, 3))) err = EPERM;
  if (err == 0) return fd;
  close(fd);
  return -err;
}

/* Hides a file behind /dev/null, a directory behind an empty tmpfs. Missing: nothing to hide. A symlink on the way
 * is refused (ELOOP): following it would hide some other file and leave this one in sight. */
int op_mask(struct ctx *c, const struct arg *a) {
  (void)c;
  int target = open_at2(AT_FDCWD, a[0].str, O_PATH, 0, RESOLVE_NO_SYMLINKS);
  if (target < 0) return target == -ENOENT ? 0 : -target;
  struct stat s;
  int err = fstat(target, &s) < 0 ? errno : 0;
  if (err == 0) {
    int cover = S_ISDIR(s.st_mode) ? empty_tmpfs() : null_device();
    err = cover < 0 ? -cover : attach(cover, target);
    if (cover >= 0) close(cover);
  }
  close(target);
  return err;
}

/* Every component a real directory, made when missing: before procfs and its like are mounted. An image whose /proc
 * is a link would have them mounted elsewhere and serve files of its own as /proc (CVE-2019-19921): ELOOP. */
int op_real_directory(struct ctx *c, const struct arg *a) {
  (void)c;
  const char *p = a[0].str;
  if (*p != '/') return EINVAL;
  int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int err = dir < 0 ? errno : 0;
  for (p += strspn(p, "/"); err == 0 && *p != 0; p += strspn(p, "/")) {
    char name[256];
    size_t len = strcspn(p, "/");
    if (len >= sizeof name) {
      err = ENAMETOOLONG;
      break;
    }
    memcpy(name, p, len);
    name[len] = 0;
    p += len;
    int next = open_at2(dir, name, O_PATH | O_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    if (next == -ENOENT) {
      err = mkdirat(dir, name, 0755) < 0 && errno != EEXIST ? errno : 0;
      next = open_at2(dir, name, O_PATH | O_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    }
    err = next < 0 ? -next : 0;
    close(dir);
    dir = next;
  }
  if (dir >= 0) close(dir);
  return err;
}
