/* One at a time at a run directory. */
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "renew.h"
#include "util.h"

/* A turn that is a process's as long as it lives: flock(2). Who changes the networks of a running container has it, and
 * its monitor before it takes everything back. */
#define TURN_MS 10000

int turn_take(const char *directory) {
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  struct patience p;
  patience_start(&p, TURN_MS);
  while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
    int err = errno;
    if ((err == EWOULDBLOCK || err == EINTR) && patience_wait(&p)) continue;
    close(fd);
    return err == EWOULDBLOCK ? EBUSY : err;
  }
  return 0;
}

int op_turn(struct ctx *c, const struct arg *a) {
  (void)c;
  return turn_take(a[0].str);
}
