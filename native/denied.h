/* What a limited container asked for and did not get. */
#ifndef MYDOCKER_DENIED_H
#define MYDOCKER_DENIED_H

#include "shim.h"

/* A name the resolver refused. */
COLD void denied_name(const char *name);
/* When the program runs: what was denied in an earlier run is forgotten; a start that fails keeps it. */
COLD void denied_begin(void);
/* When it has ended: what the filter counted, into its file. */
COLD void denied_finish(void);
/* Sends a request that lists something to the filter that the socket leads to; all that the kernel answers goes to a
 * descriptor, as it is. 0 or errno. */
COLD int nft_dump(int fd, const void *request, size_t len, int out);
/* Packets the filter rejected, the first to each place: what the kernel logged on that socket. */
COLD void denied_packets(int fd);

#endif
