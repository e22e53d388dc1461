/* What the caller hears: records on descriptor 4, and the end of its child. */
#ifndef MYDOCKER_REPORT_H
#define MYDOCKER_REPORT_H

#include "interp.h"

enum report_kind {
  R_STARTED = 1,      /* u32 pid */
  R_FAILED = 2,       /* u32 step, u32 errno, u16 path length, path, first bytes of the file */
  R_EXITED = 3,       /* struct ending */
  R_UNDO_FAILED = 4,  /* u32 step, u32 errno */
  R_READY = 5,        /* held, waiting for a client */
  R_OUTPUT_LOST = 6,  /* u32 stream, u32 errno: the caller's descriptor took no more, the program went on */
  R_WARNING = 7,      /* i32 wait status, or -errno; u16 path length, path, what a hook printed */
};

/* One record: u32 kind, u32 length, data. */
COLD void report(uint32_t kind, const void *data, uint32_t len);
/* The payload of R_FAILED; `buf` takes an exec_note and 10 bytes more. Returns its length. */
COLD uint32_t failure_payload(unsigned char *buf, const struct failure *f, const struct exec_note *note);
/* A process of our own, beside the caller's. With PLAN_DETACH its child ends when release_parent is called, and we go on,
 * adopted by init. `parent`: a caller that is about to become our front, or NULL. Until it has said that it has, we end
 * with it: it has no hand on us before. */
COLD void leave_caller(uint32_t flags, const char *parent);
/* Before anything else: a caller that cannot become our front after all says so by SIGCONT. */
COLD void front_expected(void);
/* Waits for either: the program is not to run before somebody can hand signals on to it. */
COLD void front_awaited(void);
/* Our parent is our front, still. */
bool has_front(void);
/* All is reported, and nothing of the caller's is held any more: a front need not wait for our end. */
void tell_front(void);
/* Lets the caller go on: its child, our parent, ends with this code. Without detach: nothing. */
COLD void release_parent(unsigned char code);

#endif
