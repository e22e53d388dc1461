/* Steps that arrive one by one: a layer being unpacked, files being copied. */
#include "interp.h"
#include "util.h"

#include <string.h>
#include <unistd.h>

/* Which file it was: the caller keeps no list of what it sent. */
static int note_path(struct exec_note *note, const struct op_info *op, const struct arg *args, int err) {
  size_t first = MAX_ARGS, last = MAX_ARGS;
  for (size_t i = 0; op->kinds[i] != 0; i++) {
    if (op->kinds[i] != 's') continue;
    if (first == MAX_ARGS) first = i;
    last = i;
  }
  if (last == MAX_ARGS || op->run == op_put_xattr) {
    memcpy(note->path, put_name(), strlen(put_name()) + 1);
    return err;
  }
  /* "path" is the first string of an operation, or the last where it has a source too. */
  bool is_first = op->run == op_xattr || op->run == op_put_symlink || op->run == op_put_link;
  const struct arg *at = &args[is_first ? first : last];
  if (at->str != NULL && at->len < sizeof note->path) memcpy(note->path, at->str, at->len + 1);
  return err;
}

/* File operations that follow the plan until end of file, each done as it arrives: a layer being unpacked. */
int run_stream(struct plan *p, struct ctx *c, unsigned char *mem, struct failure *f) {
  struct arg args[MAX_ARGS];
  size_t have = 0;
  for (uint32_t number = p->count;; ) {
    size_t pos = 0;
    struct action act;
    uint32_t ignore;
    int err;
    while ((err = action_decode(&act, NULL, NULL, &ignore, mem, have, &pos)) == 0) {
      action_args(&act, args);
      const struct op_info *op = op_find(act.op);
      err = op->run(c, args);
      *f = (struct failure){number++, err};
      if (err != 0 && (uint32_t)err != ignore) return note_path(c->note, op, args, err);
    }
    *f = (struct failure){number, EPROTO};
    if (err != EAGAIN) return EPROTO;
    memmove(mem, mem + pos, have - pos);
    have -= pos;
    ssize_t n = read(FD_PLAN, mem + have, PLAN_MAX_BYTES - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || (n == 0 && have > 0)) return EPROTO;
    if (n == 0) return 0;
    have += (size_t)n;
  }
}
