/* Attached clients: the attach protocol, drawn in src/shim/attach.ts. */
#ifndef MYDOCKER_CLIENTS_H
#define MYDOCKER_CLIENTS_H

#include <poll.h>

#include "monitor.h"

/* Frame types. Both directions: u8 type, 3 zero bytes, u32 length (big-endian), as Docker's stream header. */
enum frame {
  FR_STDIN = 0, FR_STDOUT = 1, FR_STDERR = 2,
  FR_HELLO = 16,    /* u32 wants: bit 1 stdout, bit 2 stderr, bit 0 stdin, bit 3 releases a held program, bit 4 the end;
                     * answered only when refused: EBUSY */
  FR_RESIZE = 17,   /* u16 rows, u16 columns */
  FR_SIGNAL = 18,   /* u32 */
  FR_EOF = 19,      /* end of standard input */
  FR_FREEZE = 20,   /* until FR_THAW or the client goes */
  FR_THAW = 21,     /* ends its own freeze; from a client without one: whatever keeps the container frozen, pause too */
  FR_PAUSE = 22,    /* until FR_UNPAUSE, whoever comes and goes; answered EALREADY when it is so already */
  FR_UNPAUSE = 23,
  FR_RENEW = 24,    /* the plan file was replaced: see renew.h */
  FR_EXIT = 32,     /* u32 code, u32 signal, u32 oom */
  FR_FAILED = 33,   /* failure payload, as in the report */
  FR_OK = 34,       /* u32 type of the frame it answers, u32 errno */
};

#define CHUNK 8192
#define INPUT_BYTES 4096

/* Output read from the container and not yet with everyone. */
struct chunk {
  uint32_t len;
  char *buf;         /* CHUNK bytes, elsewhere: the idle monitor does not touch them */
};

struct input {
  uint32_t off, len;
  bool eof;        /* close the container's stdin when the buffer is empty */
  char *buf;       /* INPUT_BYTES */
};

extern struct chunk chunks[2];
extern struct input input;

/* Before anything else of this file; a second call does nothing. */
void clients_setup(void);
/* A new chunk is there: every client owes it. */
void clients_offer(int s);
/* Writes what can be written without waiting; true when everyone has the chunk. */
bool clients_deliver(int s);
/* Descriptors to poll, after `n`; returns the new count. */
int clients_poll(struct pollfd *fds, int n, bool want_input);
/* Acts on what poll found. */
void clients_serve(const struct pollfd *fds, int from, int n);
/* The shim's own descriptors 0-2 become the first client, until `parent` (a pidfd) ends. */
void clients_inherit(void);
void clients_drop_inherited(void);
/* The process that FR_SIGNAL goes to. */
void clients_control(int pidfd);
void clients_accept(void);
/* No place or no descriptor is left for the next client: the listener must rest until one goes. */
extern bool clients_full;
/* Grows with every byte handed on: a client that takes its output slowly is not stuck. */
extern uint32_t clients_moved;
/* Somebody sent a signal and waits for the end of the program. */
bool clients_asked(void);
/* Drops clients that do not take their output: on sockets, and with `inherited` descriptors 0-2 too. */
void clients_drop_stuck(bool inherited);

#endif
