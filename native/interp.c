#include "interp.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

int run_section(struct plan *p, struct ctx *c, uint8_t section, struct failure *f) {
  struct arg args[MAX_ARGS];
  for (uint32_t i = 0; i < p->count; i++) {
    struct step *s = &p->steps[i];
    if (s->section != section) continue;
    const struct op_info *op = op_find(s->act.op);
    action_args(&s->act, args);
    int err = p->fail_step == i ? (int)p->fail_errno : op->run(c, args);
    if (err != 0 && (uint32_t)err != s->ignore_errno) {
      *f = (struct failure){i, err};
      return err;
    }
    s->done = true;
    /* clone returns twice; the child's part is the init section, which the caller starts. */
    if (s->act.op == OP_CLONE && in_child()) return 0;
  }
  return 0;
}

int run_undos(struct plan *p, struct ctx *c, bool all, struct failure *f) {
  struct arg args[MAX_ARGS];
  int first = 0;
  for (uint32_t i = p->count; i-- > 0;) {
    struct step *s = &p->steps[i];
    if (!s->has_undo || !(s->done || all)) continue;
    /* Step 0 owns the run directory with this very plan: kept while anything is left to undo. */
    if (s->index == 0 && first != 0) continue;
    action_args(&s->undo, args);
    int err = op_find(s->undo.op)->run(c, args);
    if (err != 0 && first == 0) {
      first = err;
      c->undo_failed = true;
      *f = (struct failure){s->index, err};
    }
    s->done = false;
  }
  return first;
}

int sync_send(int sock, const struct sync_msg *m, const void *note, int fd) {
  struct iovec iov[2] = {
    {(void *)(uintptr_t)m, sizeof *m},
    {(void *)(uintptr_t)note, m->note_len},
  };
  union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } ctl;
  struct msghdr msg = {.msg_iov = iov, .msg_iovlen = m->note_len ? 2 : 1};
  if (fd >= 0) {
    memset(&ctl, 0, sizeof ctl);
    msg.msg_control = &ctl;
    msg.msg_controllen = sizeof ctl.room;
    ctl.head.cmsg_level = SOL_SOCKET;
    ctl.head.cmsg_type = SCM_RIGHTS;
    ctl.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&ctl.head), &fd, sizeof fd);
  }
  return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? errno : 0;
}

int op_own(struct ctx *c, const struct arg *a) {
  (void)c;
  (void)a;
  return 0;
}
