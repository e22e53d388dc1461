/* Host ports kept from other programs while the container lives, and the files that say whose they are. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plan.h"
#include "renew.h"
#include "util.h"

/* Nothing is ever accepted or read here: packets for them are sent on to
 * the container before they could come to a socket. That the sockets are there is what the kernel refuses others by. */
#define HOLDS 4096
static int holds[HOLDS];
static uint32_t hold_count;

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static socklen_t fill_address(union address *to, const struct arg *ip, uint64_t port) {
  memset(to, 0, sizeof *to);
  if (ip->len == 4) {
    to->v4.sin_family = AF_INET;
    to->v4.sin_port = htons((uint16_t)port);
    memcpy(&to->v4.sin_addr, ip->str, 4);
    return sizeof to->v4;
  }
  if (ip->len != 16) return 0;
  to->v6.sin6_family = AF_INET6;
  to->v6.sin6_port = htons((uint16_t)port);
  memcpy(&to->v6.sin6_addr, ip->str, 16);
  return sizeof to->v6;
}

static int hold_one(const struct arg *a, uint64_t port) {
  union address address;
  int on = 1;
  socklen_t len = fill_address(&address, &a[1], port);
  bool tcp = a[0].num == IPPROTO_TCP;
  if (len == 0 || hold_count == HOLDS) return len == 0 ? EPROTO : EMFILE;
  int fd = socket(address.any.sa_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int err = 0;
  if (address.any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) err = errno;
  /* Connections of another program that ended here a moment ago are no hindrance; one that listens is. For UDP it would
   * let two programs share the port. socket(7), SO_REUSEADDR. */
  if (err == 0 && tcp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) err = errno;
  if (err == 0 && bind(fd, &address.any, len) < 0) err = errno;
  if (err == 0 && tcp && listen(fd, 0) < 0) err = errno;
  if (err != 0) close(fd);
  else holds[hold_count++] = fd;
  return err;
}

int op_hold_port(struct ctx *c, const struct arg *a) {
  (void)c;
  for (uint64_t i = 0; i < a[3].num; i++) {
    int err = hold_one(a, a[2].num + i);
    if (err == 0) continue;
    while (i-- > 0) close(holds[--hold_count]);
    return err;
  }
  return 0;
}

static bool is_held(int fd, const struct arg *a) {
  union address have = {0};
  union address want;
  socklen_t len = sizeof have, type_len = sizeof(int);
  int type = 0;
  if (getsockname(fd, &have.any, &len) < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0) return false;
  if ((a[0].num == IPPROTO_TCP) != (type == SOCK_STREAM)) return false;
  if (fill_address(&want, &a[1], 0) != len || have.any.sa_family != want.any.sa_family) return false;
  uint16_t port = ntohs(have.v4.sin_port);
  if (port < a[2].num || port >= a[2].num + a[3].num) return false;
  return len == sizeof have.v4 ? memcmp(&have.v4.sin_addr, &want.v4.sin_addr, 4) == 0
                               : memcmp(&have.v6.sin6_addr, &want.v6.sin6_addr, 16) == 0;
}

/* Idempotent: in a process that never held them there is nothing to do. */
int op_release_port(struct ctx *c, const struct arg *a) {
  (void)c;
  for (uint32_t i = hold_count; i-- > 0;) {
    if (!is_held(holds[i], a)) continue;
    close(holds[i]);
    holds[i] = holds[--hold_count];
  }
  return 0;
}

/* Which files say whose the ports of a range are: "<prefix>8080" and on, each as unlink-link does it. */
int op_unlink_ports(struct ctx *c, const struct arg *a) {
  char path[4096];
  if ((size_t)a[0].len + 12 > sizeof path) return ENAMETOOLONG;
  memcpy(path, a[0].str, a[0].len);
  for (uint64_t i = 0; i < a[2].num; i++) {
    char digits[12];
    size_t n = 0, len = a[0].len;
    for (uint64_t rest = a[1].num + i; n == 0 || rest > 0; rest /= 10) digits[n++] = (char)('0' + rest % 10);
    while (n > 0) path[len++] = digits[--n];
    path[len] = 0;
    const struct arg link[2] = {{.str = path, .len = (uint32_t)len}, a[3]};
    int err = op_unlink_link(c, link);
    if (err != 0) return err;
  }
  return 0;
}

static bool is_wanted(int fd, const struct plan *p) {
  struct arg args[MAX_ARGS];
  for (uint32_t i = 0; i < p->count; i++) {
    if (p->steps[i].act.op != OP_HOLD_PORT) continue;
    action_args(&p->steps[i].act, args);
    if (is_held(fd, args)) return true;
  }
  return false;
}

static int hold_missing(const struct arg *a, uint32_t before) {
  for (uint64_t i = 0; i < a[3].num; i++) {
    struct arg one[4] = {a[0], a[1], {.num = a[2].num + i}, {.num = 1}};
    bool have = false;
    for (uint32_t k = 0; k < before && !have; k++) have = is_held(holds[k], one);
    int err = have ? 0 : hold_one(a, a[2].num + i);
    if (err != 0) return err;
  }
  return 0;
}

/* Exactly the ports that a plan holds, those it held before included; on an error as before. */
int holds_renew(const struct plan *p) {
  struct arg args[MAX_ARGS];
  uint32_t before = hold_count;
  for (uint32_t i = 0; i < p->count; i++) {
    if (p->steps[i].act.op != OP_HOLD_PORT) continue;
    action_args(&p->steps[i].act, args);
    int err = hold_missing(args, before);
    if (err == 0) continue;
    while (hold_count > before) close(holds[--hold_count]);
    return err;
  }
  for (uint32_t k = hold_count; k-- > 0;) {
    if (is_wanted(holds[k], p)) continue;
    close(holds[k]);
    holds[k] = holds[--hold_count];
  }
  return 0;
}
