#ifndef MYDOCKER_LAUNCH_H
#define MYDOCKER_LAUNCH_H

/* Tells the caller that the child waits for a client (STREAMS_HOLD). */
void launch_ready(void);

#endif
