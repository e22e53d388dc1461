/* What stays while the container lives: streams, log, clients, state, exit, teardown. */
#ifndef MYDOCKER_MONITOR_H
#define MYDOCKER_MONITOR_H

#include <poll.h>

#include "shim.h"

#define PATH_BYTES 512
#define CLIENTS 256

/* Sockets of the container's network namespace that the monitor has: its resolver, and the packet filter. */
enum dns_socket { DNS_UDP, DNS_TCP, DNS_NFT, DNS_NFLOG, DNS_SOCKETS };

/* Settings the plan's monitor steps leave behind. Paths are copied: the plan's memory goes. */
struct monitor {
  uint32_t streams;              /* STREAMS_* */
  int out[2];                    /* our ends of stdout and stderr; the pty master is out[0] */
  int in;                        /* our end of stdin; the pty master again, or -1 */
  bool deaf[2];                  /* the foreground caller's stdout or stderr broke */
  uint32_t pending_size;         /* rows and columns asked for before the pty was there */
  int child_io[3];               /* the child's ends, before the clone */
  int listener;
  int log;
  uint64_t log_bytes, log_max;
  uint32_t log_files;
  char log_path[PATH_BYTES];
  char state_path[PATH_BYTES];
  char exit_path[PATH_BYTES];
  char oom_path[PATH_BYTES];
  char freeze_path[PATH_BYTES];
  char freeze_word[16], thaw_word[16];
  char id[80], boot_id[48];
  char started[32];              /* when the program began, for state.json */
  pid_t pid;                     /* its number on the host */
  int dns[DNS_SOCKETS];          /* -1: without */
  bool dns_busy;                 /* queries are on their way, or connections open */
  bool exit_sync;
  bool paused;                   /* frozen until somebody unpauses it */
  bool serving;                  /* the program runs: its terminal is there */
};

extern struct monitor mon;
/* Before anything else: no descriptor is open. */
COLD void monitor_setup(void);

/* How the program ended. */
struct ending {
  uint32_t code;                 /* 0-255; 128+n by signal n */
  uint32_t signal;               /* n, or 0 */
  uint32_t oom;                  /* the kernel killed something for want of memory */
};

/* state.json: written whole, then renamed. 0 or errno. */
COLD int state_write(const char *status, pid_t pid, const char *started_at);
/* exit.json, in the room that was kept for it. An errno: the run directory must stay, it has the note. */
COLD int exit_write(const struct ending *e);
/* A start that failed: gives that room back. */
COLD void exit_forget(void);
/* "2026-11-23T17:40:58.123456789Z"; buf holds at least 32 bytes. */
void time_text(char *buf);
/* Removes .tmp next to a path and renames over it; the building block of both. */
COLD int file_replace(const char *path, const char *data, size_t len, bool sync);

/* One chunk of output to the json-file log; stream is 1 or 2. Never fails: a full disk must not stop the container. */
void log_chunk(int stream, const char *data, size_t len);
/* What is left of an unfinished line. */
void log_finish(void);

/* Waits for the first client that releases the program. 0, or ETIMEDOUT. */
COLD int clients_wait_release(void);
/* Tells every client that step `step` failed; data is the failure payload. */
COLD void clients_failed(const void *payload, uint32_t len);
/* Serves streams and clients until the program is gone and its output is handed on. */
STAYS void monitor_loop(int pidfd, struct ending *e);
/* The resolver (dns.c). While it is busy: further descriptors to poll, after `n`, and for how long (-1: for ever). What
 * came at those, and at mon.dns. */
COLD int dns_poll(struct pollfd *fds, int n);
COLD int dns_wait_ms(void);
COLD void dns_serve(const struct pollfd *fds, int from, int n);
/* A socket that the child made (enum dns_socket). False: not asked for. */
COLD bool dns_take(uint32_t which, int fd);
/* Sends the exit to every client and closes them. */
COLD void clients_exited(const struct ending *e);

#endif
