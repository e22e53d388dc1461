/* Small helpers of the operations' handlers. */
#ifndef MYDOCKER_UTIL_H
#define MYDOCKER_UTIL_H

#include "shim.h"

/* Puts a descriptor into a slot; closes what was there. 0, or EINVAL (then fd is closed). */
int slot_put(struct ctx *c, uint64_t slot, int fd);
/* The descriptor in a slot, or -1: every system call then answers EBADF. */
int slot_fd(const struct ctx *c, uint64_t slot);
/* openat2(2). Returns a descriptor (always O_CLOEXEC) or -errno. */
int open_at2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
/* One directory entry as getdents64(2) writes it. */
struct dirent64_raw {
  uint64_t ino;
  int64_t off;
  uint16_t reclen;
  uint8_t type;
  char name[];
};
/* getdents64(2): bytes read, 0 at the end, or -errno. */
long read_dir(int fd, void *buf, size_t len);
bool is_dot(const char *name);

/* Removes the file that a put-* step began and no put-end finished. */
COLD void put_drop(void);
/* The last part of the path of the file that a put-* step began last; "" when there was none. */
COLD const char *put_name(void);

/* CLOCK_MONOTONIC. */
uint64_t now_ms(void);

/* A wait that grows from 1 to 20 ms and gives up after a while. */
struct patience {
  uint64_t deadline_ms;
  uint32_t next_ms;
};
void patience_start(struct patience *p, uint32_t total_ms);
/* Sleeps; false when the time is over. */
bool patience_wait(struct patience *p);

/* Decimal digits, without a NUL; returns how many. */
size_t put_decimal(char *to, uint64_t value);
/* The value of a line of digits. */
uint64_t number_of(const char *digits);

/* First place of `what` in a buffer without NUL, or NULL. (strstr brings 1.3 kB of text into every monitor.) */
const char *find_text(const char *buf, size_t len, const char *what);

#endif
