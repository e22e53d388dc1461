/* Memory that grows, of the tree walk. */
#include "walk.h"

#include <string.h>
#include <sys/mman.h>

int arena_room(struct arena *m, size_t more) {
  if (m->cap - m->len >= more) return 0;
  size_t cap = m->cap == 0 ? 1u << 20 : m->cap;
  while (cap - m->len < more) cap *= 2;
  void *p = m->base == NULL ? mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                            : mremap(m->base, m->cap, cap, MREMAP_MAYMOVE);
  if (p == MAP_FAILED) return errno;
  m->base = p;
  m->cap = cap;
  return 0;
}

int arena_add(struct arena *m, const void *data, size_t len) {
  int err = arena_room(m, len);
  if (err != 0) return err;
  if (len > 0) memcpy(m->base + m->len, data, len);
  m->len += len;
  return 0;
}

void arena_free(struct arena *m) {
  if (m->base != NULL) munmap(m->base, m->cap);
  *m = (struct arena){NULL, 0, 0};
}
