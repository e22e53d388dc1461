/* The container's log, one JSON object a line as Docker's json-file driver writes it, rotated by size. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "monitor.h"

#define LINE_BYTES 16384   /* a longer line is written in parts, as Docker does */

static HOT uint32_t line_len[2];
static HOT uint32_t out_len;
static HOT char out[2048];
static char line[2][LINE_BYTES];

int op_log(struct ctx *c, const struct arg *a) {
  (void)c;
  if (a[0].len >= PATH_BYTES - 8) return ENAMETOOLONG;
  memcpy(mon.log_path, a[0].str, a[0].len + 1);
  mon.log_max = a[1].num;
  mon.log_files = (uint32_t)a[2].num;
  mon.log = open(mon.log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (mon.log < 0) return errno;
  off_t size = lseek(mon.log, 0, SEEK_END);
  mon.log_bytes = size > 0 ? (uint64_t)size : 0;
  return 0;
}

/* log.json -> log.json.1 -> log.json.2 …; a reader that follows keeps its descriptor and sees the rename. */
static void rotate(void) {
  char from[PATH_BYTES + 4], to[PATH_BYTES + 4];
  size_t n = strlen(mon.log_path);
  if (mon.log_files > 9) mon.log_files = 9;
  for (uint32_t i = mon.log_files - 1; i >= 1 && mon.log_files > 1; i--) {
    memcpy(from, mon.log_path, n + 1);
    memcpy(to, mon.log_path, n + 1);
    if (i > 1) memcpy(from + n, (char[]){'.', (char)('0' + i - 1), 0}, 3);
    memcpy(to + n, (char[]){'.', (char)('0' + i), 0}, 3);
    (void)rename(from, to);
  }
  if (mon.log_files <= 1) unlink(mon.log_path);
  int fd = open(mon.log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0) return;
  close(mon.log);
  mon.log = fd;
  mon.log_bytes = 0;
}

static void flush(void) {
  if (out_len > 0 && write_all(mon.log, out, out_len) == 0) mon.log_bytes += out_len;
  out_len = 0;
}

static void put(const char *s, size_t n) {
  if (out_len + n > sizeof out) flush();
  memcpy(out + out_len, s, n);
  out_len += (uint32_t)n;
}

/* Length of the UTF-8 sequence at p, 0 when it is none (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_len(const unsigned char *p, size_t left) {
  if (p[0] < 0x80) return 1;
  size_t n = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
  if (n == 0 || n > left) return 0;
  for (size_t i = 1; i < n; i++)
    if ((p[i] & 0xc0) != 0x80) return 0;
  if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
  if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
  return n;
}

static void put_escaped(const char *text, size_t len) {
  static const char hex[] = "0123456789abcdef";
  const unsigned char *p = (const unsigned char *)text;
  for (size_t i = 0; i < len;) {
    size_t n = utf8_len(p + i, len - i);
    unsigned char ch = p[i];
    if (n == 0) put("\\ufffd", 6);
    else if (ch == '"' || ch == '\\') put((char[]){'\\', (char)ch}, 2);
    else if (ch == '\n') put("\\n", 2);
    else if (ch == '\r') put("\\r", 2);
    else if (ch == '\t') put("\\t", 2);
    else if (ch < 0x20 || ch == 0x7f) put((char[]){'\\', 'u', '0', '0', hex[ch >> 4], hex[ch & 15]}, 6);
    else put(text + i, n);
    i += n ? n : 1;
  }
}

static void entry(int s, const char *text, size_t len) {
  char now[32];
  time_text(now);
  if (mon.log_max != 0 && mon.log_bytes + len > mon.log_max && mon.log_bytes > 0) rotate();
  put("{\"log\":\"", 8);
  put_escaped(text, len);
  if (s == 0) put("\",\"stream\":\"stdout\",\"time\":\"", 28);
  else put("\",\"stream\":\"stderr\",\"time\":\"", 28);
  put(now, 30);
  put("\"}\n", 3);
  flush();
}

/* Where a full buffer may be cut without splitting a UTF-8 character. */
static size_t cut_at(const char *p, size_t len) {
  size_t n = len;
  while (n > len - 4 && ((unsigned char)p[n - 1] & 0xc0) == 0x80) n--;
  return n > len - 4 && (unsigned char)p[n - 1] >= 0xc0 ? n - 1 : len;
}

void log_chunk(int stream, const char *data, size_t len) {
  int s = stream - 1;
  if (mon.log < 0) return;
  while (len > 0) {
    const char *end = memchr(data, '\n', len);
    size_t n = end != NULL ? (size_t)(end - data) + 1 : len;
    /* The usual case, a whole line and nothing kept from before, needs no copy. */
    if (end != NULL && line_len[s] == 0 && n <= LINE_BYTES) {
      entry(s, data, n);
      data += n;
      len -= n;
      continue;
    }
    if (n > LINE_BYTES - line_len[s]) n = LINE_BYTES - line_len[s];
    memcpy(line[s] + line_len[s], data, n);
    line_len[s] += (uint32_t)n;
    data += n;
    len -= n;
    if (line[s][line_len[s] - 1] == '\n') {
      entry(s, line[s], line_len[s]);
      line_len[s] = 0;
    } else if (line_len[s] == LINE_BYTES) {
      size_t cut = cut_at(line[s], LINE_BYTES);
      entry(s, line[s], cut);
      memmove(line[s], line[s] + cut, LINE_BYTES - cut);
      line_len[s] = (uint32_t)(LINE_BYTES - cut);
    }
  }
}

void log_finish(void) {
  for (int s = 0; s < 2; s++) {
    if (mon.log >= 0 && line_len[s] > 0) entry(s, line[s], line_len[s]);
    line_len[s] = 0;
  }
}
