/* Carrying out a plan: sections in order, undo steps backwards, the talk between shim and child. */
#ifndef MYDOCKER_INTERP_H
#define MYDOCKER_INTERP_H

#include "plan.h"

/* What the child tells the shim, one packet each, over the socketpair made by `clone`. */
enum sync_kind {
  SYNC_GO = 1,       /* shim to child: the host-after steps are done */
  SYNC_CONSOLE = 2,  /* child to shim, with a descriptor: the pty master */
  SYNC_EXEC = 3,     /* child to shim: everything but execve is done; end of file after this means success */
  SYNC_FAILED = 4,   /* child to shim: step and errno, an exec_note follows */
  SYNC_SOCKET = 5,   /* child to shim, with a descriptor: a socket of the container's network; step: enum dns_socket */
  SYNC_READY = 6,    /* child to shim: its mounts are made; it waits for the hooks of the host's side */
  SYNC_CREATED = 7,  /* child to shim: it waits for `start`; the shim may go */
};

struct sync_msg {
  uint32_t kind;
  uint32_t step;
  uint32_t error;
  uint32_t note_len;
};

/* Which step failed, and how; step NO_STEP: the plan itself, or no step's fault. */
struct failure {
  uint32_t step;
  int error;
};

/* Carries out all steps of one section. 0, or the errno of the step in *f. */
COLD int run_section(struct plan *p, struct ctx *c, uint8_t section, struct failure *f);

/* The undo of every step that was done, last first. Goes on after a failure; the first one is returned in *f.
 * `all`: the plan comes from a monitor that died, so which steps were done is unknown; undos are idempotent. */
COLD int run_undos(struct plan *p, struct ctx *c, bool all, struct failure *f);

/* File operations that follow the plan until end of file, each done as it arrives; `mem` is the plan's memory. 0, or the
 * errno of the step in *f, numbered after the plan's own. */
COLD int run_stream(struct plan *p, struct ctx *c, unsigned char *mem, struct failure *f);

/* True in the child after `clone`. */
bool in_child(void);

/* Sends one packet, with a descriptor unless fd is -1. 0 or errno. */
COLD int sync_send(int sock, const struct sync_msg *m, const void *note, int fd);

#endif
