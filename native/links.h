#ifndef MYDOCKER_LINKS_H
#define MYDOCKER_LINKS_H

#include "shim.h"

/* Interfaces that were only set down, to be taken away when the caller has been told: these are left to do. */
COLD bool links_are_left(void);
COLD void links_take_away(void);

#endif
