/* Files of an OCI runtime: those others read, and devices, directories and programs inside a container. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "oci.h"
#include "util.h"

/* Written beside, then renamed: a reader never sees half a number. */
int replace_file(const char *path, const char *data, size_t len, unsigned mode) {
  char tmp[4096];
  size_t n = strlen(path);
  if (n + 5 > sizeof tmp) return ENAMETOOLONG;
  memcpy(tmp, path, n);
  memcpy(tmp + n, ".tmp", 5);
  int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) return errno;
  int err = write_all(fd, data, len);
  if (close(fd) < 0 && err == 0) err = errno;
  if (err == 0 && rename(tmp, path) < 0) err = errno;
  if (err != 0) unlink(tmp);
  return err;
}

/* mkdir(2) of every directory on the way. What is there stays as it is; links are followed, inside the root. */
int op_mkdir_all(struct ctx *c, const struct arg *a) {
  (void)c;
  char path[4096];
  if (a[0].len >= sizeof path) return ENAMETOOLONG;
  memcpy(path, a[0].str, a[0].len + 1);
  for (char *end = path + 1; *path != 0; end++) {
    char kept = *end;
    if (kept != '/' && kept != 0) continue;
    *end = 0;
    if (mkdir(path, (mode_t)a[1].num) < 0 && errno != EEXIST) return errno;
    *end = kept;
    if (kept == 0) break;
  }
  return 0;
}

/* mknod(2), its owner and mode. One that is there already must be the same device: config-linux.md, devices. */
int op_device(struct ctx *c, const struct arg *a) {
  (void)c;
  mode_t mode = (mode_t)a[1].num;
  dev_t dev = makedev((unsigned)a[2].num, (unsigned)a[3].num);
  if (mknod(a[0].str, mode, dev) < 0) {
    struct stat s;
    if (errno != EEXIST) return errno;
    if (lstat(a[0].str, &s) < 0) return errno;
    bool same = (s.st_mode & S_IFMT) == (mode & S_IFMT) && (S_ISFIFO(mode) || s.st_rdev == dev);
    if (!same) return EEXIST;
  }
  if (lchown(a[0].str, (uid_t)a[4].num, (gid_t)a[5].num) < 0) return errno;
  return chmod(a[0].str, mode & 07777) < 0 ? errno : 0;
}

static const char *path_of(char **env) {
  for (; *env != NULL; env++)
    if (strncmp(*env, "PATH=", 5) == 0) return *env + 5;
  return NULL;
}

/* Whether exec will find its file: told before the container is created, not when it is started. */
int op_find_program(struct ctx *c, const struct arg *a) {
  char *spare = c->spare;
  size_t spare_len = c->spare_len;
  char **env = strv_layout(&a[1], &c->spare, &c->spare_len);
  c->spare = spare;
  c->spare_len = spare_len;
  if (env == NULL) return E2BIG;
  char *at = c->note->path;
  const char *file = a[0].str, *path = strchr(file, '/') != NULL ? "" : path_of(env);
  int seen = ENOENT;
  if (a[0].len + 2 > sizeof c->note->path / 2) return ENAMETOOLONG;
  while (path != NULL) {
    size_t n = strcspn(path, ":");
    if (n < sizeof c->note->path / 2) {
      memcpy(at, path, n);
      if (n > 0) at[n] = '/';
      memcpy(at + n + (n > 0), file, a[0].len + 1);
      struct stat s;
      if (stat(at, &s) == 0) {
        if (S_ISREG(s.st_mode) && access(at, X_OK) == 0) return 0;
        seen = EACCES;
      }
    }
    path = path[n] == ':' ? path + n + 1 : NULL;
  }
  if (seen == ENOENT) memcpy(at, file, a[0].len + 1);
  return seen;
}
