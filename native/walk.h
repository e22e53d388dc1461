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

/* What comes with a plain file's record. HIDDEN: it counts as empty, for something is mounted here. */
enum content { CONTENT_WHOLE, CONTENT_HIDDEN, CONTENT_NONE, CONTENT_PIECES };

/* Writes the record of one file, and its content when fd is a plain file's descriptor (-1: none is given).
 * `at` with an empty name is the file itself, an O_PATH descriptor. 0 or errno. */
int emit_file(const struct place *at, int fd, const struct stat *s, enum content how);
/* A stretch of a file that is no hole. */
struct piece {
  uint64_t offset, length;
};
/* The stretches of a file that are no holes, one after the other in `list`; all of it where the file system cannot
 * tell. lseek(2). */
int find_pieces(int fd, uint64_t size, struct arena *list);
/* Writes what is still buffered. */
int emit_flush(void);
void emit_reset(void);

#endif
