/* DNS messages (RFC 1035, EDNS: RFC 6891), read with every length checked and written into fixed room. */
#include "dns.h"

#include <string.h>

#define FLAG_ANSWER 0x80         /* byte 2 */
#define FLAG_AUTHORITATIVE 0x04
#define FLAG_TRUNCATED 0x02
#define FLAG_RECURSION_DESIRED 0x01
#define FLAG_RECURSION_AVAILABLE 0x80  /* byte 3 */
#define OPT_BYTES 11
#define EXTENDED_ERROR 15        /* RFC 8914 */
#define EXTENDED_ERROR_BYTES 6

uint16_t dns_u16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static void put16(uint8_t *p, unsigned value) {
  p[0] = (uint8_t)(value >> 8);
  p[1] = (uint8_t)value;
}

static bool is_plain(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

uint8_t dns_lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

/* The question's name as text. A pointer is refused: before the first name there is nothing to point to. */
static size_t read_name(struct dns_query *q, size_t at) {
  size_t n = 0;
  q->plain = true;
  for (;;) {
    if (at >= q->len) return 0;
    uint8_t label = q->bytes[at++];
    if (label == 0) break;
    if (label > 63 || label > q->len - at || n + label + 2 > DNS_NAME) return 0;
    if (n > 0) q->name[n++] = '.';
    for (uint8_t i = 0; i < label; i++) {
      uint8_t c = dns_lower(q->bytes[at + i]);
      if (!is_plain(c) && c != '.') q->plain = false;
      /* A dot or NUL inside a label is no dot or end: such a name is nobody's here, and never compared as text. */
      if (c == '.' || c == 0) {
        q->plain = false;
        c = '?';
      }
      q->name[n++] = (char)c;
    }
    at += label;
  }
  q->name[n] = 0;
  if (n == 0) q->plain = false;
  return at;
}

/* Behind a name that may end in a pointer; 0 when it leaves the message. */
static size_t skip_name(const uint8_t *bytes, size_t len, size_t at) {
  while (at < len) {
    uint8_t label = bytes[at];
    if (label == 0) return at + 1;
    if ((label & 0xc0) == 0xc0) return at + 2 <= len ? at + 2 : 0;
    if (label > 63) return 0;
    at += 1u + label;
  }
  return 0;
}

/* One resource record. */
struct record {
  size_t name, fields, data, next;   /* offsets: its start, type and what follows, data, behind it */
  uint16_t type, data_len;
};

static bool read_record(const uint8_t *bytes, size_t len, size_t at, struct record *r) {
  r->name = at;
  r->fields = skip_name(bytes, len, at);
  if (r->fields == 0 || len - r->fields < 10) return false;
  r->type = dns_u16(bytes + r->fields);
  r->data_len = dns_u16(bytes + r->fields + 8);
  r->data = r->fields + 10;
  r->next = r->data + r->data_len;
  return r->data_len <= len - r->data;
}

/* The OPT record, wherever among the additional ones. */
static int read_edns(struct dns_query *q) {
  size_t at = q->question_end;
  unsigned before = dns_u16(q->bytes + 6) + dns_u16(q->bytes + 8);
  unsigned all = before + dns_u16(q->bytes + 10);
  for (unsigned i = 0; i < all; i++) {
    struct record r;
    if (!read_record(q->bytes, q->len, at, &r)) return FORMERR;
    at = r.next;
    if (i < before || r.type != TYPE_OPT) continue;
    if (q->edns || q->bytes[r.name] != 0) return FORMERR;
    q->edns = true;
    q->udp_size = dns_u16(q->bytes + r.fields + 2);
    if (q->udp_size < DNS_UDP_LEAST) q->udp_size = DNS_UDP_LEAST;
    if (q->bytes[r.fields + 5] != 0) return BADVERS;
  }
  return at == q->len ? NOERROR : FORMERR;
}

int dns_parse(struct dns_query *q, const uint8_t *bytes, size_t len) {
  q->bytes = bytes;
  q->len = len;
  q->question_end = DNS_HEADER;
  q->edns = q->plain = false;
  q->udp_size = DNS_UDP_LEAST;
  q->name[0] = 0;
  q->type = q->class = 0;
  if (len < DNS_HEADER || (bytes[2] & FLAG_ANSWER)) return -1;
  if ((bytes[2] & 0x78) != 0) return NOTIMP;
  if (dns_u16(bytes + 4) != 1) return FORMERR;
  size_t at = read_name(q, DNS_HEADER);
  if (at == 0 || len - at < 4) return FORMERR;
  q->type = dns_u16(bytes + at);
  q->class = dns_u16(bytes + at + 2);
  q->question_end = at + 4;
  return read_edns(q);
}

void dns_begin(struct dns_answer *a, const struct dns_query *q, uint8_t *bytes, size_t room) {
  size_t opt = q->edns ? OPT_BYTES + EXTENDED_ERROR_BYTES : 0;
  a->bytes = bytes;
  a->len = q->question_end;
  a->room = room > opt + a->len ? room - opt : a->len;
  memcpy(bytes, q->bytes, q->question_end);
  memset(bytes + 4, 0, 8);
  if (q->question_end > DNS_HEADER) put16(bytes + 4, 1);
  bytes[2] = (uint8_t)(FLAG_ANSWER | (q->bytes[2] & (0x78 | FLAG_RECURSION_DESIRED)));
  bytes[3] = FLAG_RECURSION_AVAILABLE;
}

/* The head of a record about the question's name. False: it does not fit, and the answer says so. */
static bool add_record(struct dns_answer *a, unsigned type, size_t data_len) {
  if (a->len + 12 + data_len > a->room) {
    a->bytes[2] |= FLAG_TRUNCATED;
    return false;
  }
  uint8_t *p = a->bytes + a->len;
  memset(p, 0, 12);
  put16(p, 0xc000 | DNS_HEADER);
  put16(p + 2, type);
  put16(p + 4, CLASS_IN);
  /* TTL 0: the next moment the container may be gone. */
  put16(p + 10, (unsigned)data_len);
  a->len += 12;
  put16(a->bytes + 6, dns_u16(a->bytes + 6) + 1u);
  a->bytes[2] |= FLAG_AUTHORITATIVE;
  return true;
}

void dns_add_address(struct dns_answer *a, const struct dns_address *address) {
  if (!add_record(a, address->len == 4 ? TYPE_A : TYPE_AAAA, address->len)) return;
  memcpy(a->bytes + a->len, address->bytes, address->len);
  a->len += address->len;
}

void dns_add_name(struct dns_answer *a, const char *name) {
  size_t len = strlen(name);
  if (len == 0 || len > DNS_NAME - 3 || !add_record(a, TYPE_PTR, len + 2)) return;
  uint8_t *p = a->bytes + a->len;
  size_t label = 0;
  for (size_t i = 0; i <= len; i++) {
    p[i + 1] = (uint8_t)name[i];
    if (name[i] != 0 && name[i] != '.') continue;
    p[label] = (uint8_t)(i - label);
    label = i + 1;
  }
  a->len += len + 2;
}

void dns_end(struct dns_answer *a, const struct dns_query *q, int rcode, int error) {
  a->bytes[3] = (uint8_t)(FLAG_RECURSION_AVAILABLE | (rcode & 15));
  if (!q->edns) return;
  uint8_t *p = a->bytes + a->len;
  size_t option = error >= 0 ? EXTENDED_ERROR_BYTES : 0;
  memset(p, 0, OPT_BYTES);
  put16(p + 1, TYPE_OPT);
  put16(p + 3, DNS_QUERY_BYTES);
  p[5] = (uint8_t)(rcode >> 4);
  put16(p + 9, (unsigned)option);
  if (option > 0) {
    put16(p + OPT_BYTES, EXTENDED_ERROR);
    put16(p + OPT_BYTES + 2, 2);
    put16(p + OPT_BYTES + 4, (unsigned)error);
  }
  a->len += OPT_BYTES + option;
  put16(a->bytes + 10, 1);
}

bool dns_answers(const uint8_t *bytes, size_t len, const uint8_t *query, size_t question_end) {
  if (len < DNS_HEADER || memcmp(bytes, query, 2) != 0) return false;
  if (!(bytes[2] & FLAG_ANSWER) || (bytes[2] & 0x78) != 0) return false;
  /* Some give an error back without the question. */
  if (dns_u16(bytes + 4) == 0) return (bytes[3] & 15) != 0 && len == DNS_HEADER;
  if (dns_u16(bytes + 4) != 1 || len < question_end) return false;
  for (size_t i = DNS_HEADER; i < question_end; i++)
    if (dns_lower(bytes[i]) != dns_lower(query[i])) return false;
  return true;
}

bool dns_next_address(const uint8_t *bytes, size_t len, size_t *at, struct dns_address *out, uint32_t *ttl) {
  if (len < DNS_HEADER) return false;
  unsigned answers = dns_u16(bytes + 6), index = 0;
  size_t pos = DNS_HEADER;
  for (unsigned i = dns_u16(bytes + 4); i > 0; i--) {
    pos = skip_name(bytes, len, pos);
    if (pos == 0 || len - pos < 4) return false;
    pos += 4;
  }
  for (struct record r; index < answers && read_record(bytes, len, pos, &r); index++) {
    pos = r.next;
    bool wanted = (r.type == TYPE_A && r.data_len == 4) || (r.type == TYPE_AAAA && r.data_len == 16);
    if (r.data < *at || !wanted || dns_u16(bytes + r.fields + 2) != CLASS_IN) continue;
    out->len = (uint8_t)r.data_len;
    memcpy(out->bytes, bytes + r.data, r.data_len);
    *ttl = (uint32_t)dns_u16(bytes + r.fields + 4) << 16 | dns_u16(bytes + r.fields + 6);
    *at = r.next;
    return true;
  }
  return false;
}
