/* Freezing: a client's own (commit: while it is connected) and pause, which stands until unpause. The cgroup thaws only
 * when nobody wants it frozen. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"

static int write_word(const char *word) {
  int fd = open(mon.freeze_path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int err = write_all(fd, word, strlen(word));
  close(fd);
  return err;
}

COLD static int thaw_if_unwanted(void) {
  if (mon.paused) return 0;
  for (int i = 0; i < clients_used; i++)
    if (clients[i].freezes) return 0;
  return write_word(mon.thaw_word);
}

int pause_freeze(struct client *c) {
  int err = write_word(mon.freeze_word);
  c->freezes = err == 0;
  return err;
}

void pause_release(struct client *c) {
  c->freezes = false;
  (void)thaw_if_unwanted();
}

int pause_begin(void) {
  if (mon.paused) return EALREADY;
  int err = write_word(mon.freeze_word);
  if (err != 0) return err;
  mon.paused = true;
  err = state_write("paused", mon.pid, mon.started);
  if (err == 0) return 0;
  mon.paused = false;
  (void)thaw_if_unwanted();
  return err;
}

int pause_end(void) {
  if (!mon.paused) return EALREADY;
  mon.paused = false;
  int err = thaw_if_unwanted();
  if (err == 0) err = state_write("running", mon.pid, mon.started);
  mon.paused = err != 0;
  return err;
}

int pause_break(void) {
  int err = write_word(mon.thaw_word);
  if (!mon.paused) return err;
  mon.paused = false;
  (void)state_write("running", mon.pid, mon.started);
  return err;
}
