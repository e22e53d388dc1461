/* A container whose networks or ports change while it runs. */
#ifndef MYDOCKER_RENEW_H
#define MYDOCKER_RENEW_H

#include "plan.h"

/* What the monitor keeps: from now on plan_renew() may put another in its place. */
COLD void renew_setup(struct plan *p);
/* Reads the plan file of the run directory: its ports are held, and no others; its undo steps are those of the end. An
 * errno: all is as before. */
COLD int plan_renew(void);
/* Before the end: nobody is changing the container's networks any more. */
COLD void renew_stop(void);

/* ops_ports.c: holds the ports of a plan, and no others. */
COLD int holds_renew(const struct plan *p);
/* turn.c: the turn at a run directory, for the life of this process. EBUSY: another has it for too long. */
COLD int turn_take(const char *directory);

#endif
