/* Removing a tree: one directory open at a time, no recursion, no mount ever entered. */
#include "monitor.h"
#include "tree.h"
#include "util.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directories on the way down that we can climb back to. A tree may be deeper than that: when the memory is used
 * up, the walk starts again from the top, which by then has one deep branch less. */
#define KNOWN_PARENTS 1024

/* In a run directory: who removes it holds this link. It goes last, or another could take it while the rest is still
 * going, and undo what the next start does. */
#define LAST_ENTRY "burier"

struct node {
  dev_t dev;
  ino_t ino;
};

struct removal {
  int top;
  int cur;
  uint32_t depth;              /* of cur below top, as far as it is remembered */
  uint32_t known;              /* entries of parents that are still valid */
  struct node parents[KNOWN_PARENTS]; /* ring: the parent at depth d is at d % KNOWN_PARENTS */
};

static struct removal job;
static _Alignas(8) char entries[32768];

static int identify(int fd, struct node *n) {
  struct stat s;
  if (fstat(fd, &s) < 0) return errno;
  *n = (struct node){s.st_dev, s.st_ino};
  return 0;
}

static void move_to(struct removal *r, int fd) {
  if (r->cur != r->top) close(r->cur);
  r->cur = fd;
}

/* RESOLVE_NO_XDEV refuses a bind mount of the same file system too, which a look at st_dev would miss: this is what
 * keeps a volume alive whose unmounting went wrong. RESOLVE_NO_SYMLINKS: a link swapped in is not followed. */
static int descend(struct removal *r, const char *name) {
  struct node here;
  int err = identify(r->cur, &here);
  if (err != 0) return err;
  int fd = open_at2(r->cur, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                    RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH);
  /* Somebody else removes the same tree: the next look shows what is left. */
  if (fd == -ENOENT) return 0;
  if (fd < 0) return -fd;
  move_to(r, fd);
  r->parents[r->depth % KNOWN_PARENTS] = here;
  r->depth++;
  if (r->known < KNOWN_PARENTS) r->known++;
  return 0;
}

/* Up by "..", which names whatever directory holds us now: if somebody moved ours elsewhere, the parent is another
 * one and nothing more may be removed. */
static int ascend(struct removal *r) {
  int fd = r->known == 0 ? -1 : openat(r->cur, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* Nothing remembered, or removed by somebody else while we were in it. */
  if (r->known == 0 || (fd < 0 && errno == ENOENT)) {
    move_to(r, r->top);
    r->depth = r->known = 0;
    return 0;
  }
  if (fd < 0) return errno;
  struct node now;
  int err = identify(fd, &now);
  const struct node *want = &r->parents[(r->depth - 1) % KNOWN_PARENTS];
  if (err == 0 && (now.dev != want->dev || now.ino != want->ino)) err = ESTALE;
  if (err != 0) {
    close(fd);
    return err;
  }
  r->depth--;
  r->known--;
  move_to(r, fd);
  return 0;
}

/* Removes one name, or says ENOTEMPTY: descend into it. A mount point answers EBUSY to both calls. */
static int remove_entry(int dir, const struct dirent64_raw *e) {
  /* DT_DIR is 4; file systems may leave the type unknown, then unlink(2) tells a directory by EISDIR. */
  if (e->type != 4) {
    if (unlinkat(dir, e->name, 0) == 0 || errno == ENOENT) return 0;
    if (errno != EISDIR) return errno;
  }
  if (unlinkat(dir, e->name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
  return errno == EEXIST ? ENOTEMPTY : errno;
}

/* Empties the current directory until it is empty (*empty) or a directory below was entered. */
static int sweep(struct removal *r, bool *empty) {
  bool claimed = false;
  *empty = true;
  if (lseek(r->cur, 0, SEEK_SET) < 0) return errno;
  for (;;) {
    long n = read_dir(r->cur, entries, sizeof entries);
    /* A directory that somebody else removed has no entries any more. */
    if (n < 0 && n != -ENOENT) return (int)-n;
    if (n <= 0) return *empty && claimed && unlinkat(r->cur, LAST_ENTRY, 0) < 0 && errno != ENOENT ? errno : 0;
    for (long at = 0; at < n;) {
      const struct dirent64_raw *e = (const void *)(entries + at);
      at += e->reclen;
      if (is_dot(e->name)) continue;
      if (r->cur == r->top && strcmp(e->name, LAST_ENTRY) == 0) {
        claimed = true;
        continue;
      }
      *empty = false;
      int err = remove_entry(r->cur, e);
      if (err == ENOTEMPTY) return descend(r, e->name);
      if (err != 0) return err;
    }
  }
}

static int empty_tree(struct removal *r) {
  for (;;) {
    bool empty;
    int err = sweep(r, &empty);
    /* Entries may be skipped while names vanish (readdir(3)): only a look that finds nothing counts. */
    if (err == 0 && empty) {
      if (r->cur == r->top) return 0;
      err = ascend(r);
    }
    if (err != 0) return err;
  }
}

/* Removes path and all below. rmdir(2) first: it finishes an empty directory, and refuses a mount point (EBUSY)
 * before anything in it was touched. Missing is done: an undo may come twice. EBUSY or EXDEV: a mount is in the way;
 * what lies below it is as it was. */
int op_remove_tree(struct ctx *c, const struct arg *a) {
  (void)c;
  const char *path = a[0].str;
  if (rmdir(path) == 0 || errno == ENOENT) return 0;
  if (errno == ENOTDIR) return unlink(path) < 0 && errno != ENOENT ? errno : 0;
  if (errno != ENOTEMPTY && errno != EEXIST) return errno;
  int top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (top < 0) return errno;
  job.top = top;
  job.cur = top;
  job.depth = 0;
  job.known = 0;
  int err = empty_tree(&job);
  move_to(&job, top);
  close(top);
  if (err != 0) return err;
  return rmdir(path) < 0 && errno != ENOENT ? errno : 0;
}

/* Out of sight now, in a name that says whose it is (src/storage/owner.ts), and removed when the caller has its answer: a
 * journalling file system may take longer to remove a dozen small files than the program ran. */
#define MOST_DISCARDED 2
static char discarded[MOST_DISCARDED][PATH_BYTES + 64];
static int discarded_count;

/* The decimal digits of n, behind what is at `to`; returns the new end. */
static char *add_number(char *to, uint64_t n) {
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + n % 10); while ((n /= 10) != 0);
  memcpy(to, digits + at, sizeof digits - at);
  return to + sizeof digits - at;
}

/* DIR/NAME becomes DIR/.tmp-PID-STARTTICKS-NAME. */
static bool name_discarded(char *to, const char *path) {
  size_t len = strlen(path);
  const char *slash = strrchr(path, '/');
  if (slash == NULL || len >= PATH_BYTES) return false;
  size_t dir = (size_t)(slash - path) + 1;
  memcpy(to, path, dir);
  to += dir;
  memcpy(to, ".tmp-", 5);
  to = add_number(to + 5, (uint64_t)getpid());
  *to++ = '-';
  to = add_number(to, start_ticks(getpid()));
  *to++ = '-';
  memcpy(to, slash + 1, len - dir + 1);
  return true;
}

/* Where an undo before this one failed, a mount may be left inside: then it is removed at once, which tells. */
int op_discard_tree(struct ctx *c, const struct arg *a) {
  const char *path = a[0].str;
  if (c->undo_failed || discarded_count == MOST_DISCARDED) return op_remove_tree(c, a);
  char *to = discarded[discarded_count];
  if (!name_discarded(to, path)) return op_remove_tree(c, a);
  if (rename(path, to) < 0) return errno == ENOENT ? 0 : op_remove_tree(c, a);
  discarded_count++;
  return 0;
}

bool tree_has_discarded(void) { return discarded_count > 0; }

/* What cannot be removed stays for the next sweep, which knows it by its name. */
void tree_remove_discarded(void) {
  while (discarded_count > 0) {
    struct arg path = {.str = discarded[--discarded_count]};
    (void)op_remove_tree(NULL, &path);
  }
}
