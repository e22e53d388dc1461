/* What a limited container asked for and did not get. */
#ifndef MYDOCKER_DENIED_H
#define MYDOCKER_DENIED_H

#include "shim.h"

/* A name the resolver refused. */
COLD void denied_name(const char *name);
/* Packets the filter rejected, the first to each place: what the kernel logged on that socket. */
COLD void denied_packets(int fd);

#endif
