/* Growing memory and the output of the tree walk. */
#ifndef MYDOCKER_WALK_H
#define MYDOCKER_WALK_H

#include "util.h"

#include <sys/stat.h>

/* Anonymous memory that grows and may move: what lies in it is named by offset. Only for the walk, which runs in a
 * process of its own with no container. */
struct arena {
  char *base;
  size_t len, cap;
};

/* Makes room for `more` bytes past len. 0 or errno. */
int arena_room(struct arena *m, size_t more);
int arena_add(struct arena *m, const void *data, size_t len);
void arena_free(struct arena *m);

/* Where a file stands: its name in an open directory, and its path from the walk's root. */
struct place {
  int dir;
  const char *name;
  const char *path;
  size_t path_len;
};

/* Writes the record of one file, and its content when fd is a plain file's descriptor (-1: none is given).
 * `hidden`: something is mounted here; a plain file then counts as empty. 0 or errno. */
int emit_file(const struct place *at, int fd, const struct stat *s, bool hidden);
/* Writes what is still buffered. */
int emit_flush(void);
void emit_reset(void);

#endif
