/* What discard-tree put out of sight, to be removed when nobody waits any more. */
#ifndef MYDOCKER_TREE_H
#define MYDOCKER_TREE_H

#include "shim.h"

COLD bool tree_has_discarded(void);
COLD void tree_remove_discarded(void);

#endif
