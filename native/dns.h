/* The resolver: answers the container's queries at 127.0.0.11 from inside its network namespace. */
#ifndef MYDOCKER_DNS_H
#define MYDOCKER_DNS_H

#include <netinet/in.h>
#include <poll.h>

#include "monitor.h"

/* RFC 1035 4.1.1, RFC 6891 6.1.3. */
enum rcode { NOERROR = 0, FORMERR = 1, SERVFAIL = 2, NXDOMAIN = 3, NOTIMP = 4, REFUSED = 5, BADVERS = 16 };
enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28, TYPE_OPT = 41, TYPE_SVCB = 64, TYPE_HTTPS = 65, TYPE_ANY = 255 };
enum { CLASS_IN = 1 };

#define DNS_HEADER 12
#define DNS_NAME 256                /* a name as text, with its NUL: RFC 1035 2.3.4 */
#define DNS_UDP_LEAST 512
#define DNS_QUERY_BYTES 1232        /* the longest query: what needs no fragments anywhere */
#define DNS_ANSWER_BYTES 65535
#define DNS_SERVERS 6
#define DNS_PENDING 64              /* queries forwarded at a time */
#define DNS_STREAMS 16              /* TCP connections of the container */
#define DNS_ADDRESSES 512           /* of one name */
#define DNS_FDS (4 + DNS_PENDING + 2 * DNS_STREAMS)

/* A resolver of the host, as the plan has it (src/network/resolver.ts). */
struct dns_server {
  uint16_t family, port;             /* AF_INET or AF_INET6; host order */
  uint32_t scope;                    /* interface of a link-local address */
  uint8_t addr[16];
};

/* What one container's resolver works with; the paths end in NUL. */
struct dns_config {
  char networks[PATH_BYTES];         /* a symbolic link for each network, to its directory */
  char egress[PATH_BYTES];           /* the names that may be answered, one a line; no such file: all */
  uint32_t server_count;
  struct dns_server servers[DNS_SERVERS];
};
extern struct dns_config dns_config;

/* A query, taken apart. */
struct dns_query {
  const uint8_t *bytes;
  size_t len;
  uint16_t type, class;
  size_t question_end;               /* offset behind the question */
  bool plain;                        /* letters, digits, "-", "_" and dots between them: may be one of ours */
  bool edns;
  size_t udp_size;                   /* the most an answer by UDP may hold */
  char name[DNS_NAME];               /* lower case, no dot at the end; the root is "" */
};

/* An answer being written. A record that does not fit is left out and the answer marked as truncated. */
struct dns_answer {
  uint8_t *bytes;
  size_t len, room;
};

struct dns_address {
  uint8_t len;                       /* 4 or 16 */
  uint8_t bytes[16];
};

/* dns_wire.c: every read is checked against the length. */

COLD uint16_t dns_u16(const uint8_t *p);
/* ASCII only. */
COLD uint8_t dns_lower(uint8_t c);
/* NOERROR, or what is to be answered; -1: no query at all, nothing is answered. */
COLD int dns_parse(struct dns_query *q, const uint8_t *bytes, size_t len);
/* Header and question; `room` counts from the start and leaves place for what dns_end adds. */
COLD void dns_begin(struct dns_answer *a, const struct dns_query *q, uint8_t *bytes, size_t room);
COLD void dns_add_address(struct dns_answer *a, const struct dns_address *address);
COLD void dns_add_name(struct dns_answer *a, const char *name);
/* `error`: an extended error (RFC 8914), or -1. */
COLD void dns_end(struct dns_answer *a, const struct dns_query *q, int rcode, int error);
/* True when `bytes` answers that very query (id, question), so that nobody else's packet is taken for it. */
COLD bool dns_answers(const uint8_t *bytes, size_t len, const uint8_t *query, size_t question_end);
/* The next address among an answer's records; *at starts at 0. False at the end, or where they make no sense. */
COLD bool dns_next_address(const uint8_t *bytes, size_t len, size_t *at, struct dns_address *out, uint32_t *ttl);

/* dns_local.c: names of containers, and localhost. */

/* True when the answer is ours: it is complete but for dns_end, with *rcode. */
COLD bool dns_local(const struct dns_query *q, struct dns_answer *a, int *rcode);
COLD bool dns_is_localhost(const char *name);

/* dns_address.c */

/* Reads "172.20.0.2" or "fd00::2" up to a blank or the end; the place behind it, or NULL. */
COLD const char *address_parse(const char *text, struct dns_address *out);
/* As RFC 5952 has it; `text` takes 46 bytes. */
COLD void address_text(const struct dns_address *address, char *text);
/* "2.0.20.172.in-addr.arpa" and its like for IPv6. */
COLD bool address_of_reverse(const char *name, struct dns_address *out);

/* dns.c */

#define DNS_FORWARD SIZE_MAX
/* Writes the answer and returns its length; 0: none is due; DNS_FORWARD: the host's resolvers are to be asked. */
COLD size_t dns_respond(struct dns_query *q, const uint8_t *bytes, size_t len, uint8_t *out, size_t room);
/* SERVFAIL: nobody answered. */
COLD size_t dns_failed(const uint8_t *query, size_t len, uint8_t *out);
COLD void dns_reply(const struct sockaddr_in *to, const uint8_t *bytes, size_t len);
/* An answer for a client that takes `most` bytes: cut to its question and marked as truncated where it is longer. */
COLD size_t dns_fit(uint8_t *bytes, size_t len, size_t question_end, size_t most);
/* 16 bits nobody can guess. */
COLD uint16_t dns_random(void);
/* For one packet at a time. */
extern uint8_t dns_packet[DNS_ANSWER_BYTES];

/* dns_forward.c: queries on their way to the host's resolvers, by UDP. */

COLD void forward_query(const struct dns_query *q, const struct sockaddr_in *from);
COLD int forward_poll(struct pollfd *fds, int n);
COLD void forward_serve(const struct pollfd *fd);
COLD uint64_t forward_deadline(void);
COLD void forward_overdue(uint64_t now);
/* A socket to the resolver of that number, its connection on the way; -1 and errno. */
COLD int server_socket(uint32_t number, int type);
/* The one that answered last, for others to begin with. */
extern uint32_t server_preferred;

/* dns_stream.c: the same by TCP (RFC 7766). */

COLD void stream_accept(int listener);
COLD int stream_poll(struct pollfd *fds, int n);
COLD void stream_serve(const struct pollfd *fd);
COLD uint64_t stream_deadline(void);
COLD void stream_overdue(uint64_t now);

/* dns_egress.c: what a limited container may reach. */

/* True when there are limits and the name is not among those allowed. */
COLD bool egress_refuses(const char *name, bool *limited);
/* Lets the container reach the addresses in an answer, for as long as they are valid; after egress_refuses() for that
 * name. False: the list is being changed, and the client had better ask again. */
COLD bool egress_learn(const char *name, const uint8_t *bytes, size_t len);
/* The same for an answer that comes later than its query: the name may not be allowed any more. */
COLD bool egress_learn_forwarded(const uint8_t *query, size_t query_len, const uint8_t *bytes, size_t len);

#endif
