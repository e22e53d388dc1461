/* Names that are ours: containers, as files below their networks' directories, and localhost (RFC 6761 6.3). */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "dns.h"
#include "util.h"

/* The addresses of the kind asked for. */
static struct dns_address found[DNS_ADDRESSES];

struct search {
  uint32_t count;
  uint8_t want;          /* 4, 16, or 0 for both */
  bool known;            /* the name is somebody's, though maybe with no address of that kind */
};

/* "<network>/names/<name>", "<network>/addresses/<address>". False when it does not fit. */
static bool join(char *path, size_t room, const char *network, const char *middle, const char *last, size_t last_len) {
  size_t a = strlen(network), b = strlen(middle);
  if (a + b + last_len + 1 > room) return false;
  memcpy(path, network, a);
  memcpy(path + a, middle, b);
  memcpy(path + a + b, last, last_len);
  path[a + b + last_len] = 0;
  return true;
}

/* Calls back for each entry of a directory but "." and ".."; stops when told true. */
COLD static bool each_entry(int dir, bool (*visit)(int dir, const char *name, void *data), void *data) {
  _Alignas(8) char room[4096];
  for (long n; (n = read_dir(dir, room, sizeof room)) > 0;) {
    for (long at = 0; at < n;) {
      struct dirent64_raw *entry = (struct dirent64_raw *)(room + at);
      at += entry->reclen;
      if (!is_dot(entry->name) && visit(dir, entry->name, data)) return true;
    }
  }
  return false;
}

/* One container of that name: a symbolic link whose text is its addresses. */
COLD static bool add_container(int dir, const char *name, void *data) {
  struct search *s = data;
  char text[256];
  ssize_t n = readlinkat(dir, name, text, sizeof text - 1);
  if (n <= 0) return false;
  text[n] = 0;
  s->known = true;
  for (const char *p = text; p != NULL && *p != 0;) {
    struct dns_address address;
    p = address_parse(p, &address);
    if (p == NULL) break;
    if (*p == ' ') p++;
    if (s->want != 0 && s->want != address.len) continue;
    if (s->count < DNS_ADDRESSES) found[s->count++] = address;
  }
  return false;
}

struct named {
  struct search *search;
  const char *name;
};

static void look_in(int networks, const char *network, const char *name, size_t len, struct search *s) {
  char path[600];
  if (len == 0 || !join(path, sizeof path, network, "/names/", name, len)) return;
  int dir = openat(networks, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return;
  (void)each_entry(dir, add_container, s);
  close(dir);
}

/* A query's name is in lower case, a network's is as it was given. */
static bool is_lower_of(const char *lower, const char *text, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (lower[i] != (char)dns_lower((uint8_t)text[i])) return false;
  return true;
}

/* The name in that network, or "<name>.<network>". */
static bool look_in_network(int networks, const char *network, void *data) {
  struct named *n = data;
  size_t len = strlen(n->name), tail = strlen(network);
  look_in(networks, network, n->name, len, n->search);
  if (len > tail + 1 && n->name[len - tail - 1] == '.' && is_lower_of(n->name + len - tail, network, tail))
    look_in(networks, network, n->name, len - tail - 1, n->search);
  return false;
}

struct reverse {
  const char *address;
  char text[DNS_NAME + 80];
  const char *name;
};

/* "<container id> <name>". */
static bool name_of_address(int networks, const char *network, void *data) {
  struct reverse *r = data;
  char path[600];
  if (!join(path, sizeof path, network, "/addresses/", r->address, strlen(r->address))) return false;
  ssize_t n = readlinkat(networks, path, r->text, sizeof r->text - 1);
  if (n <= 0) return false;
  r->text[n] = 0;
  char *blank = strrchr(r->text, ' ');
  r->name = blank == NULL ? NULL : blank + 1;
  return r->name != NULL;
}

static bool in_networks(bool (*visit)(int dir, const char *name, void *data), void *data) {
  int networks = open(dns_config.networks, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (networks < 0) return false;
  bool stopped = each_entry(networks, visit, data);
  close(networks);
  return stopped;
}

bool dns_is_localhost(const char *name) {
  size_t n = strlen(name);
  return n >= 9 && strcmp(name + n - 9, "localhost") == 0 && (n == 9 || name[n - 10] == '.');
}

static bool is_loopback(const struct dns_address *a) {
  static const uint8_t one[16] = {[15] = 1};
  return a->len == 4 ? a->bytes[0] == 127 : memcmp(a->bytes, one, 16) == 0;
}

static bool local_reverse(const struct dns_query *q, struct dns_answer *a) {
  struct dns_address address;
  char text[48];
  if (!address_of_reverse(q->name, &address)) return false;
  if (is_loopback(&address)) {
    dns_add_name(a, "localhost");
    return true;
  }
  address_text(&address, text);
  struct reverse r = {.address = text};
  if (!in_networks(name_of_address, &r)) return false;
  dns_add_name(a, r.name);
  return true;
}

static void add_localhost(const struct dns_query *q, struct dns_answer *a) {
  if (q->type == TYPE_A || q->type == TYPE_ANY) dns_add_address(a, &(struct dns_address){4, {127, 0, 0, 1}});
  if (q->type == TYPE_AAAA || q->type == TYPE_ANY) dns_add_address(a, &(struct dns_address){16, {[15] = 1}});
}

bool dns_local(const struct dns_query *q, struct dns_answer *a, int *rcode) {
  static uint32_t turn;
  *rcode = NOERROR;
  if (!q->plain || q->class != CLASS_IN) return false;
  if (q->type == TYPE_PTR && local_reverse(q, a)) return true;
  if (dns_is_localhost(q->name)) {
    add_localhost(q, a);
    return true;
  }
  struct search s = {.want = q->type == TYPE_A ? 4 : q->type == TYPE_AAAA ? 16 : 0};
  struct named n = {&s, q->name};
  (void)in_networks(look_in_network, &n);
  if (!s.known) return false;
  /* Several containers share the name: each is the first one in turn. */
  bool asked = q->type == TYPE_A || q->type == TYPE_AAAA || q->type == TYPE_ANY;
  uint32_t first = s.count > 1 ? turn++ % s.count : 0;
  for (uint32_t i = 0; i < s.count && asked; i++) dns_add_address(a, &found[(first + i) % s.count]);
  return true;
}
