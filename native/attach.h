/* One attached client, and what attach.c does with its frames. */
#ifndef MYDOCKER_ATTACH_H
#define MYDOCKER_ATTACH_H

#include "clients.h"

#define HEAD 8
#define ANSWER_BYTES 16
#define QUEUE_BYTES (4 * ANSWER_BYTES)

/* How one of our descriptors 0-2 is read or written without waiting. */
enum way {
  WAY_FILE,              /* a file never waits; anything else only after poll, a page at a time */
  WAY_SOCKET,            /* MSG_DONTWAIT */
  WAY_FREE,              /* O_NONBLOCK, on an open file description of our own */
  WAY_HELD,              /* the caller's own, which may hold us: after poll, and a timer ends a write */
};

struct client {
  int fd[3];             /* a socket stands in all three places; inherited: stdin, stdout, stderr; -1 free */
  bool framed;
  uint8_t wants;         /* bit 0 stdin, 1 stdout, 2 stderr */
  bool freezes;
  bool signalled;        /* sent a signal */
  bool watches;          /* stays for the output, or for the end: not one that comes to do something */
  uint8_t way[3];        /* enum way, of an inherited client */
  uint32_t born;         /* lower: longer here */
  uint32_t sent[2];      /* of the chunk, header included */
  bool owes[2];
  uint8_t head[HEAD];
  uint32_t head_got;
  uint32_t body_left;
  uint8_t body[16];
  uint32_t body_got;
  uint8_t queue[QUEUE_BYTES];  /* answers not sent yet */
  uint32_t queued;
};

/* Place 0 is for inherited descriptors. Only the first clients_used places were ever touched. */
extern struct client clients[CLIENTS + 1];
extern int clients_used;

/* Closes a client; thaws the container if it had frozen it. */
void client_drop(struct client *c);
/* Reads what a framed client sent: whole control frames, or standard input as far as there is room. */
void attach_read(struct client *c);
/* pause.c. Frozen for one client, until it releases that; for everybody, from begin to end; thawed whatever stands. */
int pause_freeze(struct client *c);
void pause_release(struct client *c);
COLD int pause_begin(void);
COLD int pause_end(void);
COLD int pause_break(void);
/* False while there is no room for one more answer: nothing more is read from such a client. */
bool attach_has_room(const struct client *c);
/* A framed client is in the middle of an output frame: nothing else may be sent. */
bool attach_half_sent(const struct client *c);
/* Sends waiting answers as far as the socket takes them; true when none waits. May drop the client. */
bool attach_flush(struct client *c);
/* True while standard input must wait: its buffer is full, or the program's terminal is not there yet. */
bool input_waits(void);

/* The client of descriptors 0-2: its input, and a write of one stream (-1 and errno, EAGAIN when it would wait). */
void inherited_read(struct client *c);
ssize_t inherited_write(struct client *c, int s, const char *data, size_t len);
/* A write failed: a reader that is gone, or an error the caller must hear of. */
void inherited_failed(struct client *c, int s, int err);

#endif
