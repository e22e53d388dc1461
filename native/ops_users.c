/* User namespaces: making one, its maps, being root in one; and handles on namespaces. */
#include "util.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor.h"

/* A namespace's file, setns(2): not O_PATH. */
int op_open_namespace(struct ctx *c, const struct arg *a) {
  int fd = open(a[0].str, O_RDONLY | O_CLOEXEC);
  return fd < 0 ? errno : slot_put(c, a[1].num, fd);
}

/* "/proc/PID/NAME" */
static void proc_path(char *to, pid_t pid, const char *name) {
  char digits[12];
  size_t n = 0, at = 6;
  memcpy(to, "/proc/", 6);
  for (uint32_t rest = (uint32_t)pid; rest > 0 || n == 0; rest /= 10) digits[n++] = (char)('0' + rest % 10);
  while (n > 0) to[at++] = digits[--n];
  to[at++] = '/';
  memcpy(to + at, name, strlen(name) + 1);
}

/* One write(2), once for each namespace: user_namespaces(7). */
static int write_map(pid_t pid, const char *name, const struct arg *map) {
  char path[64];
  proc_path(path, pid, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  ssize_t n = write(fd, map->str, map->len);
  int err = n < 0 ? errno : (size_t)n != map->len ? EIO : 0;
  close(fd);
  return err;
}

static int write_maps(pid_t pid, const struct arg *uids, const struct arg *gids) {
  int err = write_map(pid, "uid_map", uids);
  return err != 0 ? err : write_map(pid, "gid_map", gids);
}

/* A user namespace nobody lives in, for the map it has. A process must be in it while the map is written; it waits to
 * be killed, and dies with us too. */
int op_make_userns(struct ctx *c, const struct arg *a) {
  pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (;;) pause();
  }
  if (pid < 0) return errno;
  char path[64];
  int err = write_maps(pid, &a[0], &a[1]);
  proc_path(path, pid, "ns/user");
  int fd = err != 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (err == 0 && fd < 0) err = errno;
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
  return err != 0 ? err : slot_put(c, a[2].num, fd);
}

/* The maps of the child's own user namespace, while it waits. */
int op_uid_map(struct ctx *c, const struct arg *a) { return write_maps(c->child, &a[0], &a[1]); }

/* The pipes belong to the host's root, who is nobody inside: no program there could open /dev/stdout. */
int op_give_streams(struct ctx *c, const struct arg *a) {
  (void)c;
  for (int i = 0; i < 3; i++) {
    struct stat s;
    int fd = mon.child_io[i];
    if (fd < 0 || fstat(fd, &s) < 0 || !S_ISFIFO(s.st_mode)) continue;
    if (fchown(fd, (uid_t)a[0].num, (gid_t)a[1].num) < 0) return errno;
  }
  return 0;
}

/* Raw calls: the libraries' wrappers would look for threads to tell. A change of user makes a process readable for
 * others again (prctl(2), PR_SET_DUMPABLE): what the launch holds must stay unseen. */
int op_inner_root(struct ctx *c, const struct arg *a) {
  (void)c;
  (void)a;
  gid_t none = 0;
  if (syscall(SYS_setgroups, (size_t)0, &none) < 0) return errno;
  if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0) return errno;
  return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? errno : 0;
}

/* PR_SET_KEEPCAPS(2const): permitted ones outlast a change of user; execve(2) ends it. */
int op_keep_capabilities(struct ctx *c, const struct arg *a) {
  (void)c;
  (void)a;
  return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ? errno : 0;
}

/* setdomainname(2): NIS's, which uname(2) shows. */
int op_setdomainname(struct ctx *c, const struct arg *a) {
  (void)c;
  return setdomainname(a[0].str, a[0].len) < 0 ? errno : 0;
}
