#include "events.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 8192
#define KEPT_BYTES 4096

/* The file's path, and behind its NUL the attributes that all events of this container have: the plan's memory goes. */
static HOT_LAST char kept[KEPT_BYTES];
static HOT uint32_t attributes_at, flags;

struct line {
  char buf[LINE_BYTES];
  size_t len;
};

static void put(struct line *l, const char *text) {
  size_t n = strlen(text);
  if (n > sizeof l->buf - l->len) n = 0;
  memcpy(l->buf + l->len, text, n);
  l->len += n;
}

static void put_number(struct line *l, uint64_t v) {
  char digits[24];
  size_t at = sizeof digits;
  digits[--at] = 0;
  do digits[--at] = (char)('0' + v % 10); while ((v /= 10) != 0);
  put(l, digits + at);
}

static void put_event(struct line *l, const char *action, const char *more) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  put(l, "{\"timeNano\":");
  put_number(l, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
  put(l, ",\"type\":\"container\",\"action\":\"");
  put(l, action);
  put(l, "\",\"id\":\"");
  put(l, mon.id);
  put(l, "\",\"attributes\":{");
  put(l, more);
  put(l, kept + attributes_at);
  put(l, "}}\n");
}

/* open(2), O_APPEND: what is written at once stands together, whoever else writes. Opened each time: when the file has
 * grown long it is renamed, and what is new goes into the next. A full disk must not stop the container. */
static void append(const struct line *l) {
  int fd = open(kept, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return;
  (void)write_all(fd, l->buf, l->len);
  close(fd);
}

void event(const char *action, const char *more) {
  struct line l;
  l.len = 0;
  if (kept[0] == 0) return;
  put_event(&l, action, more);
  append(&l);
}

void events_started(void) {
  struct line l;
  l.len = 0;
  if (kept[0] == 0) return;
  if (flags & EVENTS_CREATES) put_event(&l, "create", "");
  put_event(&l, "start", "");
  append(&l);
}

void events_died(const struct ending *e) {
  struct line l, more;
  l.len = more.len = 0;
  if (kept[0] == 0) return;
  put(&more, "\"exitCode\":\"");
  put_number(&more, e->code);
  put(&more, "\",");
  more.buf[more.len] = 0;
  if (e->oom) put_event(&l, "oom", "");
  put_event(&l, "die", more.buf);
  append(&l);
}

void events_gone(void) {
  if (flags & EVENTS_REMOVES) event("destroy", "");
}

int op_events(struct ctx *c, const struct arg *a) {
  (void)c;
  if (a[0].len + a[1].len + 2 > sizeof kept) return ENAMETOOLONG;
  memcpy(kept, a[0].str, a[0].len + 1);
  attributes_at = a[0].len + 1;
  memcpy(kept + attributes_at, a[1].str, a[1].len + 1);
  flags = (uint32_t)a[2].num;
  return 0;
}
