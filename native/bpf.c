/* The one BPF program a container has: which devices its cgroup's processes may use, on cgroup v2. */
#include "util.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr) { return (int)syscall(SYS_bpf, cmd, attr, sizeof *attr); }

/* bpf(2): the verifier checks every instruction. It asks for no helper that only GPL programs may call. */
static int load_program(const struct arg *program) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = (uint64_t)(uintptr_t)program->str;
  attr.insn_cnt = program->len / (uint32_t)sizeof(struct bpf_insn);
  attr.license = (uint64_t)(uintptr_t)"Apache-2.0";
  return bpf(BPF_PROG_LOAD, &attr);
}

/* It stays for as long as the cgroup does: the kernel lets go of it with the directory. Beside those of the cgroups above:
 * all of them must agree. cgroup-v2.rst § Device controller */
int op_bpf_device(struct ctx *c, const struct arg *a) {
  (void)c;
  if (a[1].len == 0 || a[1].len % sizeof(struct bpf_insn) != 0) return EINVAL;
  int cgroup = open(a[0].str, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (cgroup < 0) return errno;
  int program = load_program(&a[1]);
  int err = program < 0 ? errno : 0;
  if (err == 0) {
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.target_fd = (uint32_t)cgroup;
    attr.attach_bpf_fd = (uint32_t)program;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    if (bpf(BPF_PROG_ATTACH, &attr) < 0) err = errno;
    close(program);
  }
  close(cgroup);
  return err;
}
