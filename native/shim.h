/*
 * The shim: reads a plan, carries it out step by step, reports, and stays as the container's monitor.
 * It decides nothing: what to do, with which arguments and in which order, all stands in the plan.
 */
#ifndef MYDOCKER_SHIM_H
#define MYDOCKER_SHIM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ops.gen.h"

/* What a monitor touches while it idles lies together, on few pages: the linker sorts sections by name. */
#define HOT __attribute__((section(".bss.a_hot")))
/* The same for a large array of which only the beginning is touched: it comes last, so that what follows it stays near. */
#define HOT_LAST __attribute__((section(".bss.a_hot_last")))

/* Last of all, on a page of its own with what the C library touches, which follows. */
#define HOT_PAGE _Alignas(4096) __attribute__((section(".bss.a_hot_page")))

/* Not used while a monitor waits: the compiler puts such functions before all others (.text.unlikely), and what only
 * they call, so that a monitor can give their pages back in one piece. STAYS: though only COLD functions follow it. */
#define COLD __attribute__((cold))
#define STAYS __attribute__((hot))

/* Descriptors the caller hands over. */
enum { FD_PLAN = 3, FD_REPORT = 4 };

enum section { SECTION_HOST = 0, SECTION_HOST_AFTER = 1, SECTION_INIT = 2, SECTION_STARTED = 3 };

#define MAX_ARGS 8

/* One decoded argument. A string points into the plan and ends in NUL; bytes have a length. */
struct arg {
  uint64_t num;      /* u32, u64; strv: count */
  const char *str;   /* str, bytes; strv: first element's length field */
  uint32_t len;      /* str (without NUL), bytes */
};

/* One operation with its arguments, still encoded. */
struct action {
  uint16_t op;
  const unsigned char *args;
  uint32_t args_len;
};

struct step {
  struct action act;
  struct action undo;
  uint32_t ignore_errno;
  uint32_t index;    /* in the plan, as the caller counts */
  uint8_t section;
  bool has_undo;
  bool done;         /* carried out: its undo is due */
};

/* What an operation may look at and change. One per process, handed to every handler. */
struct ctx {
  int slots[SLOT_COUNT];     /* descriptors opened by steps; -1 when empty */
  int sync;                  /* our end of the socketpair between the shim and the child; -1 before clone */
  int child_sync;            /* the child's end, before clone gives it away */
  int file;                  /* file being written by create-file and file-data; -1 */
  int pidfd;                 /* of the container's process 1; -1 before clone */
  pid_t child;
  char *spare;               /* memory past the plan: argv and environment pointers are laid out there */
  size_t spare_len;
  struct exec_note *note;    /* what exec found out when it failed */
  int console;               /* a socket that takes the pty's master; -1: it goes to the shim */
  int said;                  /* after wait-start: where the child tells its failure; -1 */
  bool undo_failed;          /* an undo before this one did not work */
  const char *home;          /* set-user: the user's home directory, for exec's HOME; NULL: unknown */
};

/* What a failed exec tells the caller: the file tried last and its first bytes. */
struct exec_note {
  char path[4096];
  unsigned char head[1024];
  uint32_t head_len;
};

/* Every handler: 0, or an errno. It changes nothing when it fails, or leaves what its undo removes. */
typedef int op_handler(struct ctx *c, const struct arg *a);

#define DECLARE(code, name, kinds, handler) COLD op_handler handler;
OPS_TABLE(DECLARE)
#undef DECLARE

/* Helpers shared by the op_*.c files. */

/* write(2) until all is written; 0 or errno. */
int write_all(int fd, const void *data, size_t len);
/* Opens path below root (an O_PATH directory descriptor) so that no link leads out: openat2(RESOLVE_IN_ROOT).
 * Returns a descriptor or -errno. */
COLD int open_in_root(int root, const char *path, uint64_t flags, uint64_t mode);
/* Field 22 of /proc/PID/stat; 0 when it cannot be read. proc(5). */
COLD uint64_t start_ticks(pid_t pid);

#endif
