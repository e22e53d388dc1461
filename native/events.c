#include "events.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 8192
#define KEPT_BYTES 4096

/* Every text of this container's events, each behind the NUL of the one before: the plan's memory goes. */
enum text { PATH, ID, ATTRIBUTES, STARTED, ENDED, GONE, TEXTS };
static HOT_LAST char kept[KEPT_BYTES];
static HOT uint16_t place[TEXTS];

static const char *text(enum text which) { return kept + place[which]; }

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
  char now[32];
  time_text(now);
  put(l, "{\"time\":\"");
  put(l, now);
  put(l, "\",\"type\":\"container\",\"action\":\"");
  put(l, action);
  put(l, "\",\"id\":\"");
  put(l, text(ID));
  put(l, "\",\"attributes\":{");
  put(l, more);
  put(l, text(ATTRIBUTES));
  put(l, "}}\n");
}

/* One event for each word of the list. */
static void put_events(struct line *l, enum text list, const char *more) {
  char word[32];
  for (const char *p = text(list); *p != 0;) {
    size_t n = strcspn(p, " ");
    if (n < sizeof word) {
      memcpy(word, p, n);
      word[n] = 0;
      put_event(l, word, more);
    }
    p += n + (p[n] == ' ');
  }
}

/* open(2), O_APPEND: what is written at once stands together, whoever else writes. Opened each time: when the file has
 * grown long it is renamed, and what is new goes into the next. A full disk must not stop the container. */
static void append(const struct line *l) {
  int fd = open(text(PATH), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
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
  put_events(&l, STARTED, "");
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
  put_events(&l, ENDED, more.buf);
  append(&l);
}

void events_gone(void) {
  struct line l;
  l.len = 0;
  if (kept[0] == 0 || *text(GONE) == 0) return;
  put_events(&l, GONE, "");
  append(&l);
}

int op_events(struct ctx *c, const struct arg *a) {
  (void)c;
  size_t len = 0;
  for (int i = 0; i < TEXTS; i++) len += a[i].len + 1;
  if (len > sizeof kept) return ENAMETOOLONG;
  len = 0;
  for (int i = 0; i < TEXTS; i++) {
    place[i] = (uint16_t)len;
    memcpy(kept + len, a[i].str, a[i].len + 1);
    len += a[i].len + 1;
  }
  return 0;
}
