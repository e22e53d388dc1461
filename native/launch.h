#ifndef MYDOCKER_LAUNCH_H
#define MYDOCKER_LAUNCH_H

/* The shim's own arguments, for --init to cover: they name files of the host. */
extern char **shim_argv;
/* Tells the caller that the child waits for a client (STREAMS_HOLD). */
void launch_ready(void);

#endif
