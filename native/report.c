#include "report.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launch.h"
#include "plan.h"
#include "util.h"

static bool expected;               /* the caller becomes our front */
static pid_t front;                 /* it has, and this is its number */
static int parent_pipe = -1;       /* detached: the caller's child waits at the other end */
static int report_fd = FD_REPORT;   /* -1 once the caller has gone on: the number may be a client's by then */

void report(uint32_t kind, const void *data, uint32_t len) {
  unsigned char buf[8 + 6144];
  if (report_fd < 0 || len > sizeof buf - 8) return;
  memcpy(buf, &kind, 4);
  memcpy(buf + 4, &len, 4);
  memcpy(buf + 8, data, len);
  (void)write_all(report_fd, buf, 8 + len);
}

void release_parent(unsigned char code) {
  if (parent_pipe < 0) return;
  (void)write_all(parent_pipe, &code, 1);
  close(parent_pipe);
  parent_pipe = -1;
  close(report_fd);
  report_fd = -1;
}

void launch_ready(void) {
  report(R_READY, "", 0);
  release_parent(0);
}

uint32_t failure_payload(unsigned char *buf, const struct failure *f, const struct exec_note *note) {
  uint32_t error = (uint32_t)f->error;
  uint16_t path_len = (uint16_t)strlen(note->path);
  memcpy(buf, &f->step, 4);
  memcpy(buf + 4, &error, 4);
  memcpy(buf + 8, &path_len, 2);
  memcpy(buf + 10, note->path, path_len);
  memcpy(buf + 10 + path_len, note->head, note->head_len);
  return 10u + path_len + note->head_len;
}

COLD static void detach(void) {
  int p[2];
  unsigned char code = 1;
  if (pipe2(p, O_CLOEXEC) < 0) _exit(1);
  pid_t pid = _Fork();
  if (pid < 0) _exit(1);
  if (pid == 0) {
    close(p[0]);
    parent_pipe = p[1];
    return;
  }
  close(p[1]);
  if (read(p[0], &code, 1) != 1) code = 1;
  /* What failed is over when the caller hears of it: the process too. */
  if (code != 0) waitpid(pid, NULL, 0);
  _exit(code);
}

void leave_caller(uint32_t flags, const char *parent) {
  /* The child will be seen by the container's processes before its program runs: none of them may open its
   * descriptors or its memory (the plan, the socket to us). Inherited by clone, ended by execve. prctl(2). */
  prctl(PR_SET_DUMPABLE, 0);
  if (parent != NULL) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* It may have gone before it was asked for. */
    if (getppid() != (pid_t)number_of(parent)) _exit(1);
  }
  static const int ignored[] = {SIGXFSZ, SIGINT, SIGTERM, SIGHUP};
  for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) signal(ignored[i], SIG_IGN);
  setsid();
  if (flags & PLAN_DETACH) detach();
}

void front_expected(void) {
  sigset_t word;
  sigemptyset(&word);
  sigaddset(&word, SIGCONT);
  sigprocmask(SIG_BLOCK, &word, NULL);
  expected = true;
}

/* Its program is ours, and it has taken its name: from then on no signal ends it, front.c. */
static bool is_there(void) {
  static const char name[] = "mydocker";
  char path[40] = "/proc/", said[sizeof name - 1];
  struct stat own, parent;
  size_t at = 6 + put_decimal(path + 6, (uint64_t)getppid());
  memcpy(path + at, "/exe", 5);
  if (stat("/proc/self/exe", &own) < 0 || stat(path, &parent) < 0) return false;
  if (own.st_dev != parent.st_dev || own.st_ino != parent.st_ino) return false;
  memcpy(path + at, "/comm", 6);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, said, sizeof said);
  close(fd);
  if (n != (ssize_t)sizeof said || memcmp(said, name, sizeof said) != 0) return false;
  front = getppid();
  return true;
}

bool has_front(void) { return front != 0 && getppid() == front; }

void tell_front(void) {
  if (has_front()) kill(front, SIGCHLD);
}

void front_awaited(void) {
  const struct timespec moment = {.tv_nsec = 1000000};
  sigset_t word;
  if (!expected) return;
  sigemptyset(&word);
  sigaddset(&word, SIGCONT);
  while (!is_there())
    if (sigtimedwait(&word, NULL, &moment) == SIGCONT) break;
  /* Killed from now on, it leaves the program running. */
  prctl(PR_SET_PDEATHSIG, 0);
}
