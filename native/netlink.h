/* Netlink messages that are made elsewhere: sent, and their answers read. */
#ifndef MYDOCKER_NETLINK_H
#define MYDOCKER_NETLINK_H

#include <net/if.h>

#include "shim.h"

/* What is sent, and what the answers must show. */
struct talk {
  char *bytes;
  size_t len;
  int protocol;
  uint32_t ignore;       /* an errno that is no failure: "there already" */
  const struct arg *expect;
  bool found;            /* an answer held the expected bytes */
  const struct arg *link, *link_at;
  uint32_t last;         /* sequence number of the last message that asks for an answer */
  uint64_t *handles;     /* of answers that hold the expected bytes: their attribute of this number */
  uint32_t handle_count, attribute;
};

/* Sends and reads all answers; 0 or an errno, also the kernel's. */
COLD int talk(struct talk *t);
/* Puts a number into the messages at each of these places (u32, little-endian). */
COLD int put_number(struct talk *t, const struct arg *places, uint32_t number);
/* The number of the interface of this name, by a socket of any kind: ENODEV without one. */
COLD int find_link(struct ifreq *request, const struct arg *name, int fd);

#endif
