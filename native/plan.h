/* Decoding of a plan. The layout is drawn in src/plan/encode.ts. */
#ifndef MYDOCKER_PLAN_H
#define MYDOCKER_PLAN_H

#include "shim.h"

#define PLAN_MAGIC 0x4c50444du
#define PLAN_HEADER_BYTES 28u
#define STEP_HEAD_BYTES 12u

#define PLAN_DETACH 1u
#define PLAN_STREAM 2u
#define PLAN_LEAVE 4u
#define NO_STEP 0xffffffffu

/* The largest plan, and behind it room for argv and environment pointers. */
#define PLAN_MEMORY_BYTES (PLAN_MAX_BYTES + (4u << 20))

struct plan {
  uint32_t flags;
  uint32_t fail_step;      /* injected fault: this step fails ... */
  uint32_t fail_errno;     /* ... with this, instead of being carried out */
  uint32_t count;
  struct step steps[MAX_STEPS];
};

/* What one operation is, from the generated table. */
struct op_info {
  const char *name;
  const char *kinds;
  op_handler *run;
};

/* NULL for a code the table does not hold. */
COLD const struct op_info *op_find(uint16_t code);

/* Checks every byte of a plan before anything is done: sizes, operations, argument kinds, order of sections.
 * Strings must end in NUL and hold no other. 0, EPROTO for a malformed plan, ESTALE for another version. */
COLD int plan_decode(struct plan *p, const unsigned char *bytes, size_t len);

/* Memory for a plan; NULL when there is none. */
COLD unsigned char *plan_map(void);
/* Reads a plan from its descriptor into that memory, and decodes it. 0, or as plan_decode; ENOMEM without memory. */
COLD int plan_read(struct plan *p, struct ctx *c, unsigned char *mem);

/* One action at *pos; used for the plan's steps and for streamed ones. 0, EPROTO, or EAGAIN when incomplete. */
COLD int action_decode(struct action *out, uint8_t *section, bool *has_undo, uint32_t *ignore,
                  const unsigned char *bytes, size_t len, size_t *pos);

/* Forgets everything but the undo steps that are due, moved to the front of the plan's memory: what a monitor keeps.
 * Returns the bytes still in use there. */
COLD size_t plan_keep_undos(struct plan *p, unsigned char *mem);

/* Fills args[MAX_ARGS] from an action that decode accepted. */
COLD void action_args(const struct action *act, struct arg args[MAX_ARGS]);

/* Lays out a string list as a NULL-terminated pointer array in `spare`. NULL when it does not fit. */
COLD char **strv_layout(const struct arg *a, char **spare, size_t *spare_len);

#endif
