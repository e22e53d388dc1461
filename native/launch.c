/* Making the child: clone, the barrier, standard streams, console, execve and --init. */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "clients.h"
#include "interp.h"
#include "launch.h"
#include "monitor.h"
#include "oci.h"
#include "report.h"
#include "spare.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

HOT char **shim_argv;
static HOT bool child;

bool in_child(void) { return child; }

/* clone3(2): the only call that can place the child in a cgroup as it is born, and give a pidfd with it. */
int op_clone(struct ctx *c, const struct arg *a) {
  int pair[2];
  if (a[1].num != NO_SLOT && a[1].num >= SLOT_COUNT) return EINVAL;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return errno;
  struct clone_args args = {.pidfd = (uint64_t)(uintptr_t)&c->pidfd, .exit_signal = SIGCHLD};
  args.flags = spare_enter(a[0].num) | CLONE_PIDFD;
  if (a[1].num != NO_SLOT) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (uint64_t)(unsigned)c->slots[a[1].num];
  }
  long pid = syscall(SYS_clone3, &args, sizeof args);
  int err = errno;
  spare_return(pid == 0);
  if (pid < 0) {
    close(pair[0]);
    close(pair[1]);
    return err;
  }
  child = pid == 0;
  c->sync = pair[child ? 1 : 0];
  close(pair[child ? 0 : 1]);
  c->child = (pid_t)pid;
  return 0;
}

/* The child waits here for the host's part; end of file means that the shim gave up. */
static int wait_go(struct ctx *c) {
  struct sync_msg m;
  ssize_t n;
  do n = recv(c->sync, &m, sizeof m, 0); while (n < 0 && errno == EINTR);
  if (n != (ssize_t)sizeof m || m.kind != SYNC_GO) _exit(1);
  return 0;
}

int op_barrier(struct ctx *c, const struct arg *a) {
  (void)a;
  if (child) return wait_go(c);
  front_awaited();
  if (mon.streams & STREAMS_HOLD) {
    clients_control(c->pidfd);
    launch_ready();
    int err = clients_wait_release();
    if (err != 0) return err;
  }
  struct sync_msg m = {.kind = SYNC_GO};
  int err = sync_send(c->sync, &m, NULL, -1);
  /* A child that failed before its barrier is gone; its own report says more than our broken pipe. */
  return err == EPIPE || err == ECONNRESET ? 0 : err;
}

static int pipe_pair(int *ours, int *theirs, bool we_read) {
  int p[2];
  if (pipe2(p, O_CLOEXEC) < 0) return errno;
  *ours = p[we_read ? 0 : 1];
  *theirs = p[we_read ? 1 : 0];
  /* Only our end: the program must find blocking pipes, as everywhere. */
  return fcntl(*ours, F_SETFL, O_NONBLOCK) < 0 ? errno : 0;
}

int op_streams(struct ctx *c, const struct arg *a) {
  (void)c;
  mon.streams = (uint32_t)a[0].num;
  if (mon.streams & STREAMS_TTY) return 0;
  for (int i = 0; i < 2; i++) {
    int err = pipe_pair(&mon.out[i], &mon.child_io[i + 1], true);
    if (err != 0) return err;
  }
  if (mon.streams & STREAMS_STDIN) return pipe_pair(&mon.in, &mon.child_io[0], false);
  mon.child_io[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  return mon.child_io[0] < 0 ? errno : 0;
}

int op_stdio(struct ctx *c, const struct arg *a) {
  (void)c;
  (void)a;
  for (int i = 0; i < 3; i++)
    if (dup2(mon.child_io[i], i) < 0) return errno;
  return 0;
}

/* The console shows up in the container as /dev/console, bound from the very slave we opened, not from a name
 * that the container could have replaced (CVE-2025-52565). */
static int bind_console(int slave) {
  char from[32] = "/proc/self/fd/";
  size_t at = strlen(from);
  if (slave >= 100) return EMFILE;
  if (slave >= 10) from[at++] = (char)('0' + slave / 10);
  from[at++] = (char)('0' + slave % 10);
  from[at] = 0;
  int fd = open("/dev/console", O_CREAT | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0620);
  if (fd < 0 && errno != EEXIST) return errno;
  if (fd >= 0) close(fd);
  return mount(from, "/dev/console", NULL, MS_BIND, NULL) < 0 ? errno : 0;
}

/* close_range(2): all but 0, 1, 2 and the socket to the shim. From here on steps look at names the container chose (its
 * working directory, its user), and /proc/self/fd must lead nowhere outside (CVE-2024-21626). */
int op_close_descriptors(struct ctx *c, const struct arg *a) {
  (void)a;
  unsigned keep = (unsigned)c->sync;
  if (keep > 3 && syscall(SYS_close_range, 3u, keep - 1, 0u) < 0) return errno;
  return syscall(SYS_close_range, keep + 1, ~0u, 0u) < 0 ? errno : 0;
}

/* A pty of the container's own devpts. The slave is opened through the master (TIOCGPTPEER), never by path. */
int op_console(struct ctx *c, const struct arg *a) {
  int unlock = 0;
  struct statfs fs;
  int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
  if (master < 0) return errno;
  if (fstatfs(master, &fs) < 0) return errno;
  if (fs.f_type != DEVPTS_MAGIC) return ENODEV;
  if (ioctl(master, TIOCSPTLCK, &unlock) < 0) return errno;
  int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) return errno;
  struct winsize size = {.ws_row = (unsigned short)a[0].num, .ws_col = (unsigned short)a[1].num};
  if (size.ws_row != 0 && ioctl(master, TIOCSWINSZ, &size) < 0) return errno;
  if (a[2].num != 0) {
    int err = bind_console(slave);
    if (err != 0) return err;
  }
  if (ioctl(slave, TIOCSCTTY, 0) < 0) return errno;
  struct sync_msg m = {.kind = SYNC_CONSOLE};
  int err = c->console >= 0 ? console_send(c->console, master) : sync_send(c->sync, &m, NULL, master);
  if (err != 0) return err;
  for (int i = 0; i < 3; i++)
    if (dup2(slave, i) < 0) return errno;
  close(slave);
  close(master);
  return 0;
}

/* Ignored signals survive execve(2). */
void reset_signals(void) {
  struct sigaction dfl = {.sa_handler = SIG_DFL};
  for (int i = 1; i < 65; i++) sigaction(i, &dfl, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static const char *env_get(char **env, const char *name) {
  size_t n = strlen(name);
  for (; *env; env++)
    if (strncmp(*env, name, n) == 0 && (*env)[n] == '=') return *env + n + 1;
  return NULL;
}

/* First bytes of the file that would not run: its interpreter line or ELF header tells the caller why. */
static void note_head(struct exec_note *note) {
  int fd = open(note->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat st;
  if (fd < 0) return;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
    ssize_t n = read(fd, note->head, sizeof note->head);
    note->head_len = n > 0 ? (uint32_t)n : 0;
  }
  close(fd);
}

static int try_exec(struct exec_note *note, const char *dir, size_t dir_len, const char *file, char **argv, char **env) {
  size_t file_len = strlen(file);
  if (dir_len + file_len + 2 > sizeof note->path) return ENAMETOOLONG;
  size_t at = 0;
  if (dir_len > 0) {
    memcpy(note->path, dir, dir_len);
    at = dir_len;
    note->path[at++] = '/';
  }
  memcpy(note->path + at, file, file_len + 1);
  execve(note->path, argv, env);
  int err = errno;
  note->head_len = 0;
  if (err != ENOENT || access(note->path, F_OK) == 0) note_head(note);
  return err;
}

/* execvp's rules, with the container's PATH: EACCES is remembered while the search goes on. A file that is there
 * but gives ENOENT lacks its interpreter: that is the answer, the search ends. */
static int search_exec(struct exec_note *note, const char *file, char **argv, char **env) {
  if (*file == 0) return ENOENT;
  if (strchr(file, '/') != NULL) return try_exec(note, "", 0, file, argv, env);
  const char *path = env_get(env, "PATH");
  int seen = ENOENT;
  while (path != NULL && *path != 0) {
    size_t n = strcspn(path, ":");
    int err = try_exec(note, n ? path : ".", n ? n : 1, file, argv, env);
    if (note->head_len > 0 && err != EACCES) return err;
    if (err == EACCES) seen = EACCES;
    else if (err != ENOENT && err != ENOTDIR && err != ELOOP && err != ENAMETOOLONG) return err;
    path += n + (path[n] == ':');
  }
  if (seen == ENOENT) {
    memcpy(note->path, file, strlen(file) < sizeof note->path ? strlen(file) + 1 : 1);
    note->head_len = 0;
  }
  return seen;
}

/* Process 1 under --init: reaps whatever is orphaned, passes signals on, ends as the program ended. */
static _Noreturn void init_loop(pid_t program) {
  sigset_t all;
  sigfillset(&all);
  for (;;) {
    int sig = sigwaitinfo(&all, NULL);
    if (sig != SIGCHLD) {
      if (sig > 0) kill(program, sig);
      continue;
    }
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
      if (pid != program) continue;
      _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    }
  }
}

static int split_init(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  /* _Fork(3): no handlers to run, and fork(3) brings the locks of all of libc along. */
  pid_t program = _Fork();
  if (program < 0) return errno;
  if (program > 0) {
    /* No descriptor stays here: the program's end of the socketpair must be the last one (its execve is what the
     * shim waits for), and nothing of the host's may be found under /proc/1/fd (CVE-2024-21626). */
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, "init");
    for (char **word = shim_argv; *word != NULL; word++) {
      size_t room = strlen(*word);
      memset(*word, 0, room);
      if (word == shim_argv && room >= 13) memcpy(*word, "mydocker-init", 13);
    }
    syscall(SYS_close_range, 0u, ~0u, 0u);
    init_loop(program);
  }
  setpgid(0, 0);
  if (isatty(0)) tcsetpgrp(0, getpid());
  return 0;
}

int op_exec(struct ctx *c, const struct arg *a) {
  char **argv = strv_layout(&a[1], &c->spare, &c->spare_len);
  /* One place more than the list: HOME, which only the container's passwd file knows. */
  struct arg env_arg = a[2];
  char **env = strv_layout(&env_arg, &c->spare, &c->spare_len);
  if (argv == NULL || env == NULL || c->spare_len < 4096) return E2BIG;
  if (env_get(env, "HOME") == NULL && c->home != NULL) {
    size_t n = (size_t)a[2].num;
    size_t home_len = strlen(c->home);
    if (home_len > 3000) return ENAMETOOLONG;
    env[n + 1] = NULL;
    char *text = c->spare + 2 * sizeof(char *);
    memcpy(text, "HOME=", 5);
    memcpy(text + 5, c->home, home_len + 1);
    env[n] = text;
  }
  int err = a[3].num != 0 ? split_init() : 0;
  struct sync_msg m = {.kind = SYNC_EXEC};
  if (err == 0 && c->sync >= 0) err = sync_send(c->sync, &m, NULL, -1);
  if (err != 0) return err;
  reset_signals();
  return search_exec(c->note, a[0].str, argv, env);
}
