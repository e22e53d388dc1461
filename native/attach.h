/* One attached client, and what attach.c does with its frames. */
#ifndef MYDOCKER_ATTACH_H
#define MYDOCKER_ATTACH_H

#include "clients.h"

#define HEAD 8

struct client {
  int fd[3];             /* a socket stands in all three places; inherited: stdin, stdout, stderr; -1 free */
  bool framed;
  uint8_t wants;         /* bit 0 stdin, 1 stdout, 2 stderr */
  bool freezes;
  bool sock[3];          /* send(MSG_DONTWAIT) works */
  uint32_t sent[2];      /* of the chunk, header included */
  bool owes[2];
  uint8_t head[HEAD];
  uint32_t head_got;
  uint32_t body_left;
  uint8_t body[16];
  uint32_t body_got;
};

extern struct client clients[CLIENTS + 1];

/* Closes a client; thaws the container if it had frozen it. */
void client_drop(struct client *c);
/* Reads what a framed client sent: whole control frames, or standard input as far as there is room. */
void attach_read(struct client *c);
void attach_thaw(void);

#endif
