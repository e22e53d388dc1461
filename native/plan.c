#include "plan.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint32_t get32(const unsigned char *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return v;
}

static uint16_t get16(const unsigned char *p) {
  uint16_t v;
  memcpy(&v, p, 2);
  return v;
}

#define ROW(code, name, kinds, handler) case code: { static const struct op_info i = {name, kinds, handler}; return &i; }
const struct op_info *op_find(uint16_t code) {
  switch (code) {
    OPS_TABLE(ROW)
    default: return NULL;
  }
}
#undef ROW

/* One length-prefixed field; strings must be NUL-terminated without an inner NUL. */
static int check_field(const unsigned char *p, size_t len, size_t *pos, bool string) {
  if (len - *pos < 4) return EPROTO;
  size_t n = get32(p + *pos);
  *pos += 4;
  size_t whole = n + (string ? 1 : 0);
  if (n > PLAN_MAX_BYTES || len - *pos < whole) return EPROTO;
  if (string && (p[*pos + n] != 0 || memchr(p + *pos, 0, n) != NULL)) return EPROTO;
  *pos += whole;
  return 0;
}

static int check_list(const unsigned char *p, size_t len, size_t *pos) {
  if (len - *pos < 4) return EPROTO;
  uint32_t count = get32(p + *pos);
  *pos += 4;
  for (uint32_t i = 0; i < count; i++)
    if (check_field(p, len, pos, true) != 0) return EPROTO;
  return 0;
}

/* The arguments must be exactly what the table says: nothing missing, nothing left over. */
static int check_args(const struct op_info *op, const unsigned char *p, size_t len) {
  size_t pos = 0;
  for (const char *kind = op->kinds; *kind; kind++) {
    int err = 0;
    switch (*kind) {
      case 'u': err = len - pos < 4 ? EPROTO : 0; pos += 4; break;
      case 'q': err = len - pos < 8 ? EPROTO : 0; pos += 8; break;
      case 's': err = check_field(p, len, &pos, true); break;
      case 'b': err = check_field(p, len, &pos, false); break;
      case 'v': err = check_list(p, len, &pos); break;
      default: err = EPROTO;
    }
    if (err != 0) return err;
  }
  return pos == len ? 0 : EPROTO;
}

int action_decode(struct action *out, uint8_t *section, bool *has_undo, uint32_t *ignore,
                  const unsigned char *bytes, size_t len, size_t *pos) {
  if (len - *pos < STEP_HEAD_BYTES) return EAGAIN;
  const unsigned char *head = bytes + *pos;
  uint32_t args_len = get32(head + 8);
  if (args_len > PLAN_MAX_BYTES) return EPROTO;
  if (len - *pos - STEP_HEAD_BYTES < args_len) return EAGAIN;
  out->op = get16(head);
  out->args = head + STEP_HEAD_BYTES;
  out->args_len = args_len;
  if (section) *section = head[2];
  if (has_undo) *has_undo = head[3] != 0;
  if (ignore) *ignore = get32(head + 4);
  const struct op_info *op = op_find(out->op);
  if (op == NULL || check_args(op, out->args, args_len) != 0) return EPROTO;
  *pos += STEP_HEAD_BYTES + args_len;
  return 0;
}

/* A host step after a child's step could never run in the order it stands in. */
static int check_order(const struct plan *p, uint32_t count) {
  uint8_t last = SECTION_HOST;
  for (uint32_t i = 0; i < count; i++) {
    if (p->steps[i].section < last || p->steps[i].section > SECTION_STARTED) return EPROTO;
    last = p->steps[i].section;
  }
  return 0;
}

static int decode_steps(struct plan *p, uint32_t count, const unsigned char *bytes, size_t len) {
  size_t pos = PLAN_HEADER_BYTES;
  for (uint32_t i = 0; i < count; i++) {
    struct step *s = &p->steps[i];
    s->done = false;
    s->index = i;
    if (action_decode(&s->act, &s->section, &s->has_undo, &s->ignore_errno, bytes, len, &pos) != 0) return EPROTO;
    bool nested = false;
    if (s->has_undo && (action_decode(&s->undo, NULL, &nested, NULL, bytes, len, &pos) != 0 || nested))
      return EPROTO;
  }
  return pos == len ? check_order(p, count) : EPROTO;
}

int plan_decode(struct plan *p, const unsigned char *bytes, size_t len) {
  /* A refused plan has no steps: nothing of it may be done, nor undone. */
  p->count = 0;
  if (len < PLAN_HEADER_BYTES || get32(bytes) != PLAN_MAGIC) return EPROTO;
  if (get32(bytes + 4) != PLAN_VERSION) return ESTALE;
  uint32_t count = get32(bytes + 12);
  p->flags = get32(bytes + 16);
  p->fail_step = get32(bytes + 20);
  p->fail_errno = get32(bytes + 24);
  if (get32(bytes + 8) != len || count > MAX_STEPS) return EPROTO;
  int err = decode_steps(p, count, bytes, len);
  if (err == 0) p->count = count;
  return err;
}

unsigned char *plan_map(void) {
  void *mem = mmap(NULL, PLAN_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return mem == MAP_FAILED ? NULL : mem;
}

int plan_read(struct plan *p, struct ctx *c, unsigned char *mem) {
  uint32_t want = PLAN_HEADER_BYTES;
  size_t have = 0;
  if (mem == NULL) return ENOMEM;
  while (have < want) {
    ssize_t n = read(FD_PLAN, mem + have, want - have);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return EPROTO;
    have += (size_t)n;
    if (have == PLAN_HEADER_BYTES) memcpy(&want, mem + 8, 4);
    if (want < PLAN_HEADER_BYTES || want > PLAN_MAX_BYTES) return EPROTO;
  }
  /* Argument pointers start on a page of their own behind the plan. */
  size_t at = (have + 4095u) & ~(size_t)4095u;
  c->spare = (char *)mem + at;
  c->spare_len = PLAN_MEMORY_BYTES - at;
  return plan_decode(p, mem, have);
}

size_t plan_keep_undos(struct plan *p, unsigned char *mem) {
  uint32_t kept = 0;
  size_t at = 0;
  for (uint32_t i = 0; i < p->count; i++) {
    struct step s = p->steps[i];
    if (!s.done || !s.has_undo) continue;
    memmove(mem + at, s.undo.args, s.undo.args_len);
    s.undo.args = mem + at;
    at += s.undo.args_len;
    p->steps[kept++] = s;
  }
  p->count = kept;
  return at;
}

static size_t take_field(const unsigned char *p, struct arg *a, bool string) {
  a->len = get32(p);
  a->str = (const char *)p + 4;
  return 4u + a->len + (string ? 1u : 0u);
}

static size_t take_list(const unsigned char *p, struct arg *a) {
  a->num = get32(p);
  a->str = (const char *)p + 4;
  size_t pos = 4;
  for (uint64_t i = 0; i < a->num; i++) pos += 4u + get32(p + pos) + 1u;
  return pos;
}

void action_args(const struct action *act, struct arg args[MAX_ARGS]) {
  const unsigned char *p = act->args;
  const struct op_info *op = op_find(act->op);
  memset(args, 0, sizeof(struct arg) * MAX_ARGS);
  for (size_t i = 0; op->kinds[i] != 0 && i < MAX_ARGS; i++) {
    switch (op->kinds[i]) {
      case 'u': args[i].num = get32(p); p += 4; break;
      case 'q': memcpy(&args[i].num, p, 8); p += 8; break;
      case 's': p += take_field(p, &args[i], true); break;
      case 'b': p += take_field(p, &args[i], false); break;
      default: p += take_list(p, &args[i]);
    }
  }
}

char **strv_layout(const struct arg *a, char **spare, size_t *spare_len) {
  size_t need = (size_t)(a->num + 1) * sizeof(char *);
  size_t skew = (sizeof(char *) - (uintptr_t)*spare % sizeof(char *)) % sizeof(char *);
  if (a->num > 1u << 20 || *spare_len < need + skew) return NULL;
  char **list = (char **)(void *)(*spare + skew);
  const char *p = a->str;
  for (uint64_t i = 0; i < a->num; i++) {
    list[i] = (char *)(uintptr_t)(p + 4);
    p += 4u + get32((const unsigned char *)p) + 1u;
  }
  list[a->num] = NULL;
  *spare += need + skew;
  *spare_len -= need + skew;
  return list;
}
