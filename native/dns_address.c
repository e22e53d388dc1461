/* Addresses as text. (libc's own functions bring printf, 10 kB of it, into every monitor.) */
#include <string.h>

#include "dns.h"

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

static const char *parse_four(const char *p, uint8_t *out) {
  for (int i = 0; i < 4; i++) {
    unsigned value = 0, count = 0;
    for (; *p >= '0' && *p <= '9'; p++, count++) value = value * 10 + (unsigned)(*p - '0');
    if (count == 0 || count > 3 || value > 255 || (i < 3 && *p++ != '.')) return NULL;
    out[i] = (uint8_t)value;
  }
  return p;
}

/* Hexadecimal groups with at most one "::". */
static const char *parse_six(const char *p, uint8_t *out) {
  uint8_t groups[16];
  size_t n = 0, gap = SIZE_MAX;
  if (p[0] == ':' && p[1] == ':') {
    gap = 0;
    p += 2;
  }
  while (n < 16 && digit(*p) >= 0) {
    unsigned value = 0, count = 0;
    for (; digit(*p) >= 0; p++, count++) value = value * 16 + (unsigned)digit(*p);
    if (count > 4) return NULL;
    groups[n++] = (uint8_t)(value >> 8);
    groups[n++] = (uint8_t)value;
    if (*p != ':') break;
    p++;
    if (*p != ':') continue;
    if (gap != SIZE_MAX) return NULL;
    gap = n;
    p++;
  }
  if (gap == SIZE_MAX ? n != 16 : n > 14) return NULL;
  if (gap == SIZE_MAX) gap = n;
  memset(out, 0, 16);
  memcpy(out, groups, gap);
  memcpy(out + 16 - (n - gap), groups + gap, n - gap);
  return p;
}

const char *address_parse(const char *text, struct dns_address *out) {
  bool six = false;
  for (const char *p = text; *p != 0 && *p != ' '; p++) six = six || *p == ':';
  out->len = six ? 16 : 4;
  const char *end = six ? parse_six(text, out->bytes) : parse_four(text, out->bytes);
  return end != NULL && (*end == 0 || *end == ' ') ? end : NULL;
}

static char *put_number(char *p, unsigned value, unsigned base) {
  static const char digits[] = "0123456789abcdef";
  if (value >= base) p = put_number(p, value / base, base);
  *p++ = digits[value % base];
  return p;
}

static void text_of_six(const uint8_t *bytes, char *p) {
  int best = -1, best_len = 1;
  for (int i = 0; i < 8; i++) {
    int n = 0;
    while (i + n < 8 && bytes[2 * (i + n)] == 0 && bytes[2 * (i + n) + 1] == 0) n++;
    if (n > best_len) {
      best = i;
      best_len = n;
    }
  }
  for (int i = 0; i < 8; i++) {
    if (i == best) {
      *p++ = ':';
      if (i + best_len == 8) *p++ = ':';
      i += best_len - 1;
      continue;
    }
    if (i > 0) *p++ = ':';
    p = put_number(p, dns_u16(bytes + 2 * i), 16);
  }
  *p = 0;
}

void address_text(const struct dns_address *address, char *text) {
  if (address->len == 16) {
    text_of_six(address->bytes, text);
    return;
  }
  for (int i = 0; i < 4; i++) {
    if (i > 0) *text++ = '.';
    text = put_number(text, address->bytes[i], 10);
  }
  *text = 0;
}

static bool reverse_four(const char *name, struct dns_address *out) {
  uint8_t four[4];
  const char *end = parse_four(name, four);
  if (end == NULL || strcmp(end, ".in-addr.arpa") != 0) return false;
  out->len = 4;
  for (int i = 0; i < 4; i++) out->bytes[i] = four[3 - i];
  return true;
}

bool address_of_reverse(const char *name, struct dns_address *out) {
  if (reverse_four(name, out)) return true;
  out->len = 16;
  for (int i = 31; i >= 0; i--, name += 2) {
    int d = digit(name[0]);
    if (d < 0 || name[1] != '.') return false;
    uint8_t *byte = &out->bytes[i / 2];
    *byte = (uint8_t)(i % 2 == 1 ? d : *byte | d << 4);
  }
  return strcmp(name, "ip6.arpa") == 0;
}
