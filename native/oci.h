/* An OCI runtime's container: one that is created now and started later, by another command. */
#ifndef MYDOCKER_OCI_H
#define MYDOCKER_OCI_H

#include "interp.h"

/* What a child reported while the host's steps ran: error 0 when nothing. */
extern struct failure child_failure;

/* The child tells its failure: to the shim, or after wait-start to whoever started it. */
COLD void child_failed(struct ctx *c, const struct sync_msg *m, const struct exec_note *n);
/* The pty's master, and the name a reader may want, over a connected socket. 0 or errno. */
COLD int console_send(int sock, int master);
/* The container goes on without us: its parent is whoever reaps orphans here. Returns the exit code. */
COLD int leave(struct ctx *c);
/* Writes a file whole or not at all. 0 or errno. */
COLD int replace_file(const char *path, const char *data, size_t len, unsigned mode);

#endif
