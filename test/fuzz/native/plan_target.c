/* The plan's decoder. A plan comes from our own TypeScript; whoever could write into it would be root already. Still it
 * must be refused whole or be whole: nothing is read outside it, and no step runs before all is checked. */
#include <stdlib.h>
#include <string.h>

#include "../../../native/plan.h"
#include "fuzz.h"

static struct plan plan, again;
static char spare[1u << 20];

static void begin(void) {}

/* Magic, version and length are those of this build; the rest is what the input says. */
static void mend(unsigned char *data, size_t len) {
  if (len < PLAN_HEADER_BYTES) return;
  uint32_t magic = PLAN_MAGIC, version = PLAN_VERSION, whole = (uint32_t)len;
  memcpy(data, &magic, 4);
  memcpy(data + 4, &version, 4);
  memcpy(data + 8, &whole, 4);
}

static volatile uint32_t sum;

static void touch(const char *p, size_t len) {
  uint32_t all = 0;
  for (size_t i = 0; i < len; i++) all = all * 31u + (unsigned char)p[i];
  sum += all;
}

/* Everything a handler would look at. */
static void look(const struct action *act) {
  struct arg args[MAX_ARGS];
  const struct op_info *op = op_find(act->op);
  demand(op != NULL);
  action_args(act, args);
  for (size_t i = 0; op->kinds[i] != 0; i++) {
    demand(i < MAX_ARGS);
    if (op->kinds[i] == 's') {
      touch(args[i].str, args[i].len + 1u);
      demand(strlen(args[i].str) == args[i].len);
    }
    if (op->kinds[i] == 'b') touch(args[i].str, args[i].len);
    if (op->kinds[i] != 'v') continue;
    char *at = spare + below(16);
    size_t left = sizeof spare - 16;
    char **list = strv_layout(&args[i], &at, &left);
    demand(list != NULL || args[i].num > 1000);
    for (uint64_t k = 0; list != NULL && k < args[i].num; k++) touch(list[k], strlen(list[k]));
    demand(list == NULL || list[args[i].num] == NULL);
  }
}

static void steps(const unsigned char *data, size_t len) {
  uint8_t last = 0;
  for (uint32_t i = 0; i < plan.count; i++) {
    struct step *s = &plan.steps[i];
    demand(s->section >= last && s->section <= SECTION_STARTED);
    last = s->section;
    demand(s->index == i && !s->done);
    demand(s->act.args >= data && s->act.args + s->act.args_len <= data + len);
    look(&s->act);
    if (s->has_undo) look(&s->undo);
    s->done = below(2) == 0;
  }
}

/* What a monitor keeps lies at the front of the plan's own memory. */
static void keep_undos(const unsigned char *data, size_t len) {
  unsigned char *mem = malloc(len);
  demand(mem != NULL);
  memcpy(mem, data, len);
  demand(plan_decode(&again, mem, len) == 0 && again.count == plan.count);
  uint32_t due = 0;
  for (uint32_t i = 0; i < again.count; i++) {
    again.steps[i].done = plan.steps[i].done;
    due += again.steps[i].done && again.steps[i].has_undo;
  }
  demand(plan_keep_undos(&again, mem) <= len);
  demand(again.count == due);
  for (uint32_t i = 0; i < again.count; i++) look(&again.steps[i].undo);
  free(mem);
}

/* The same bytes as a stream of actions: file steps that follow a plan. */
static void stream(const unsigned char *data, size_t len) {
  for (size_t pos = len < PLAN_HEADER_BYTES ? len : PLAN_HEADER_BYTES, old = pos;; old = pos) {
    struct action act;
    uint32_t ignore;
    int err = action_decode(&act, NULL, NULL, &ignore, data, len, &pos);
    demand(err == 0 || err == EPROTO || err == EAGAIN);
    demand(err == 0 ? pos > old && pos <= len : pos == old);
    if (err != 0) return;
    look(&act);
  }
}

static void read_plan(const unsigned char *data, size_t len) {
  int err = plan_decode(&plan, data, len);
  demand(err == 0 || err == EPROTO || err == ESTALE);
  demand(err == 0 || plan.count == 0);
  stream(data, len);
  if (err != 0) return;
  steps(data, len);
  keep_undos(data, len);
}

const struct target plan_target = {"plan", begin, mend, read_plan};
