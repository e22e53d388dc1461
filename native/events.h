/* The engine's events, one JSON object a line, each written at once to a file that everybody appends to. */
#ifndef MYDOCKER_EVENTS_H
#define MYDOCKER_EVENTS_H

#include "monitor.h"

/* One event of this container; `more`: further attributes as JSON, each with a comma behind it, or "". */
COLD void event(const char *action, const char *more);
/* The program runs. */
COLD void events_started(void);
/* The program has ended. */
COLD void events_died(const struct ending *e);
/* The undo steps are done. */
COLD void events_gone(void);

#endif
