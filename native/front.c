/*
 * shim front PID SOCKET REPORT PLAN BACK…: what a command becomes while its program runs in the foreground.
 *
 * The monitor, PID, is our child already, and sees that we are here. We pass signals on to it, and end as the program
 * did. Whatever else there is to say takes words, and those are TypeScript: BACK is executed, which finds the report
 * and the plan as they are.
 */
#include "front.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clients.h"
#include "report.h"
#include "util.h"

enum { ARG_PID = 2, ARG_SOCKET, ARG_REPORT, ARG_PLAN, ARG_BACK };
enum { ANSWER_MS = 1000, RETRY_MS = 10, RETRIES = 1000 };

/* What `run` and `exec` pass on: src/cli/signals.ts has the same. */
static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
enum { FORWARDED = sizeof forwarded / sizeof forwarded[0] };

struct order { uint8_t type, zero[3]; uint32_t be_len, data; };

/* Hands a signal to the monitor. False: it does not listen yet, has no room, or has gone. One that is slow to answer
 * has it. */
COLD static bool pass_on(const char *path, int number) {
  struct order orders[2] = {
    {.type = FR_HELLO, .be_len = htonl(4), .data = 0},
    {.type = FR_SIGNAL, .be_len = htonl(4), .data = (uint32_t)number},
  };
  /* sun_path of unix(7) is short, so the socket's directory is reached by a descriptor. */
  struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/proc/self/fd/"};
  const char *name = strrchr(path, '/');
  char directory[4096];
  if (name == NULL || (size_t)(name - path) >= sizeof directory || strlen(name) > 64) return false;
  memcpy(directory, path, (size_t)(name - path));
  directory[name - path] = 0;
  int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (at < 0) return false;
  size_t len = strlen(to.sun_path);
  len += put_decimal(to.sun_path + len, (uint64_t)at);
  strcpy(to.sun_path + len, name);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  char answer[64];
  struct pollfd said = {.fd = fd, .events = POLLIN};
  bool done = connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
              send(fd, orders, sizeof orders, MSG_NOSIGNAL) == (ssize_t)sizeof orders &&
              (poll(&said, 1, ANSWER_MS) <= 0 || recv(fd, answer, sizeof answer, 0) > 0);
  close(fd);
  close(at);
  return done;
}

/* The program's exit code, from the report; -1 when there is more to say. */
COLD static int plain_ending(const char *path) {
  static unsigned char bytes[64 * 1024];
  uint32_t head[2], code = 0;
  bool ended = false;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t have = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
  if (fd >= 0) close(fd);
  for (ssize_t at = 0; at + 8 <= have; at += 8 + (ssize_t)head[1]) {
    memcpy(head, bytes + at, sizeof head);
    if (head[0] == 0) break;
    if (head[1] > (size_t)(have - at - 8)) return -1;
    if (head[0] == R_EXITED && head[1] >= 4) {
      memcpy(&code, bytes + at + 8, 4);
      ended = true;
    } else if (head[0] != R_STARTED && head[0] != R_READY) return -1;
  }
  return ended ? (int)code : -1;
}

/* Until the monitor has ended, or says by SIGCHLD that only files of its own are left to remove: signals go on to it,
 * those that it does not take yet a little later. The result is that of plain_ending(). */
COLD static int watch(pid_t monitor, char **argv, const sigset_t *awaited) {
  const struct timespec retry = {.tv_nsec = RETRY_MS * 1000000L};
  unsigned waiting = 0, tries = 0;
  for (;;) {
    pid_t ended = waitpid(monitor, NULL, WNOHANG);
    if (ended == monitor || (ended < 0 && errno == ECHILD)) return plain_ending(argv[ARG_REPORT]);
    for (int i = 0; i < FORWARDED; i++)
      if (waiting & (1u << i) && pass_on(argv[ARG_SOCKET], forwarded[i])) waiting &= ~(1u << i);
    /* It will never listen again: somebody took its socket away. */
    if (waiting != 0 && ++tries > RETRIES) waiting = 0;
    int number = waiting == 0 ? sigwaitinfo(awaited, NULL) : sigtimedwait(awaited, NULL, &retry);
    for (int i = 0; i < FORWARDED; i++)
      if (number == forwarded[i]) waiting |= 1u << i, tries = 0;
    int code = number == SIGCHLD ? plain_ending(argv[ARG_REPORT]) : -1;
    if (code >= 0) return code;
  }
}

int front_main(int argc, char **argv) {
  sigset_t awaited, before;
  if (argc <= ARG_BACK) return 2;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  for (int i = 0; i < FORWARDED; i++) sigaddset(&awaited, forwarded[i]);
  sigprocmask(SIG_BLOCK, &awaited, &before);
  /* Ignored by whoever started the command, its end would not be told. */
  signal(SIGCHLD, SIG_DFL);
  /* By this the monitor sees that no signal ends us any more: report.c. And ps(1) shows it. */
  prctl(PR_SET_NAME, "mydocker");
  syscall(SYS_close_range, 3u, ~0u, 0u);
  int code = watch((pid_t)number_of(argv[ARG_PID]), argv, &awaited);
  if (code >= 0) {
    unlink(argv[ARG_REPORT]);
    unlink(argv[ARG_PLAN]);
    return code;
  }
  /* Those that came too late are nobody's: the words below are not to be cut short by them. */
  while (sigtimedwait(&awaited, NULL, &(struct timespec){0}) > 0) {}
  sigprocmask(SIG_SETMASK, &before, NULL);
  execv(argv[ARG_BACK], argv + ARG_BACK);
  static const char lost[] = "mydocker: the program failed, and mydocker, which knows why, cannot be executed\n";
  (void)!write(2, lost, sizeof lost - 1);
  return 125;
}
