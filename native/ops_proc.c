/* What a process sets for itself before the program starts: session, limits, capabilities. */
#include "util.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_RAISE 2
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif

/* setsid(2): a session of its own, so that it can have a controlling terminal and none of the caller's. */
int op_setsid(struct ctx *c, const struct arg *a) {
  (void)c;
  (void)a;
  return setsid() < 0 ? errno : 0;
}

/* PR_SET_PDEATHSIG(2const). The usual look whether the parent is dead already cannot be made here: process 1 of a pid
 * namespace sees parent 0 always. Waiting at the barrier covers that moment: a dead shim ends the socket. */
int op_pdeathsig(struct ctx *c, const struct arg *a) {
  (void)c;
  return prctl(PR_SET_PDEATHSIG, (unsigned long)a[0].num, 0, 0, 0) < 0 ? errno : 0;
}

/* prlimit64(2), the raw call: its 64-bit form is the same for every library. */
int op_rlimit(struct ctx *c, const struct arg *a) {
  (void)c;
  struct {
    uint64_t soft, hard;
  } limit = {a[1].num, a[2].num};
  return syscall(SYS_prlimit64, 0, (int)a[0].num, &limit, NULL) < 0 ? errno : 0;
}

/* The kernel may know capabilities newer than this program: asked until it says EINVAL. PR_CAPBSET_READ(2const) */
static int drop_bounding(uint64_t keep, uint64_t *known) {
  *known = 0;
  for (unsigned long cap = 0; cap < 64; cap++) {
    int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
    if (has < 0) return errno == EINVAL ? 0 : errno;
    *known |= UINT64_C(1) << cap;
    if (has == 0 || (keep >> cap & 1) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) return errno;
  }
  return 0;
}

static int raise_ambient(uint64_t ambient) {
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return errno;
  for (unsigned long cap = 0; cap < 64; cap++) {
    if ((ambient >> cap & 1) == 0) continue;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0) return errno;
  }
  return 0;
}

/* The bounding set first, for dropping from it takes CAP_SETPCAP; then capset(2); then ambient, which must be
 * permitted and inheritable already. Bits the kernel does not know are left out. capabilities(7) */
int op_capabilities(struct ctx *c, const struct arg *a) {
  (void)c;
  uint64_t known;
  int err = drop_bounding(a[0].num, &known);
  if (err != 0) return err;
  uint64_t effective = a[1].num & known, permitted = a[2].num & known, inheritable = a[3].num & known;
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct sets[2] = {
    {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
    {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
  };
  if (syscall(SYS_capset, &head, sets) < 0) return errno;
  return raise_ambient(a[4].num & known);
}

/* capget(2), capset(2): of what we have, these stay. A change of user may have taken all away before: then nothing is
 * asked for, and nothing refused. */
int op_limit_capabilities(struct ctx *c, const struct arg *a) {
  (void)c;
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct sets[2];
  if (syscall(SYS_capget, &head, sets) < 0) return errno;
  for (int i = 0; i < 2; i++) {
    uint32_t mask = (uint32_t)(a[0].num >> (32 * i));
    sets[i].effective &= mask;
    sets[i].permitted &= mask;
    sets[i].inheritable &= mask;
  }
  return syscall(SYS_capset, &head, sets) < 0 ? errno : 0;
}

/* PR_SET_NO_NEW_PRIVS(2const): no setuid program gains anything any more. */
int op_no_new_privs(struct ctx *c, const struct arg *a) {
  (void)c;
  (void)a;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? errno : 0;
}

/* seccomp(2). The filter is struct sock_filter[], made elsewhere; the kernel checks every instruction of it. Without
 * no_new_privs this takes CAP_SYS_ADMIN, so it comes before the capabilities go: what follows must pass the filter. */
int op_seccomp(struct ctx *c, const struct arg *a) {
  (void)c;
  size_t count = a[1].len / sizeof(struct sock_filter);
  if (count == 0 || count > BPF_MAXINSNS || a[1].len % sizeof(struct sock_filter) != 0) return EINVAL;
  static struct sock_filter filter[BPF_MAXINSNS]; /* the plan's bytes are not aligned */
  memcpy(filter, a[1].str, a[1].len);
  struct sock_fprog program = {.len = (unsigned short)count, .filter = filter};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (unsigned)a[0].num, &program) < 0 ? errno : 0;
}

/* prlimit(2): the soft limit up to the hard one, which needs no privilege. The caller's shell may have lowered its own. */
int op_raise_limit(struct ctx *c, const struct arg *a) {
  (void)c;
  struct rlimit limit;
  if (getrlimit((int)a[0].num, &limit) < 0) return errno;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit((int)a[0].num, &limit) < 0 ? errno : 0;
}

/* keyctl(2): a new session keyring; the inherited one holds the caller's keys. A kernel without keys has none. */
int op_session_keyring(struct ctx *c, const struct arg *a) {
  (void)c;
  (void)a;
  const long join_session_keyring = 1;
  return syscall(SYS_keyctl, join_session_keyring, NULL) < 0 && errno != ENOSYS ? errno : 0;
}
