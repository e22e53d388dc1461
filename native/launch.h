#ifndef MYDOCKER_LAUNCH_H
#define MYDOCKER_LAUNCH_H

#include "shim.h"

/* statfs(2) of a pseudo-terminal. */
#define DEVPTS_MAGIC 0x1cd1

/* The shim's own arguments, for --init to cover: they name files of the host. */
extern char **shim_argv;
/* Tells the caller that the child waits for a client (STREAMS_HOLD). */
void launch_ready(void);
/* Every signal at its default and none blocked: before an execve. */
COLD void reset_signals(void);

#endif
