/* A shim that was started before its container was asked for. */
#ifndef MYDOCKER_SPARE_H
#define MYDOCKER_SPARE_H

#include "plan.h"

/*
 * shim waiting TITLE: descriptor 3 is a socket. We say by one byte that we wait; then comes the container's title, as long as
 * TITLE, which takes its place, and behind it the plan. The end of the socket is our end, and the other way round.
 */
COLD void spare_wait(char **argv, struct plan *p, unsigned char *mem);
/* We are one that had waited: our caller sees when we hold its socket no more. */
COLD bool was_spare(void);
/* Before a clone with these flags: enters the network namespace that is ready, for the child to be born in. Returns the flags
 * that are left. And after it, in both. */
COLD uint64_t spare_enter(uint64_t flags);
COLD void spare_return(bool in_child);

#endif
