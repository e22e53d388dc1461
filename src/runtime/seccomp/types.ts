/** A seccomp filter as the OCI runtime specification has it: config-linux.md § Seccomp. */

export type SeccompAction =
  | 'SCMP_ACT_KILL'
  | 'SCMP_ACT_KILL_THREAD'
  | 'SCMP_ACT_KILL_PROCESS'
  | 'SCMP_ACT_TRAP'
  | 'SCMP_ACT_ERRNO'
  | 'SCMP_ACT_TRACE'
  | 'SCMP_ACT_ALLOW'
  | 'SCMP_ACT_LOG';

export type SeccompOperator =
  | 'SCMP_CMP_NE'
  | 'SCMP_CMP_LT'
  | 'SCMP_CMP_LE'
  | 'SCMP_CMP_EQ'
  | 'SCMP_CMP_GE'
  | 'SCMP_CMP_GT'
  | 'SCMP_CMP_MASKED_EQ';

/** A comparison of one argument, unsigned, 64 bits. MASKED_EQ: argument & value == valueTwo. */
export interface SeccompArg {
  /** 0 to 5. */
  index: number;
  value: number | bigint;
  valueTwo?: number | bigint;
  op: SeccompOperator;
}

/** One rule: what happens to the calls of these names whose arguments fulfil all comparisons. */
export interface SeccompRule {
  names: readonly string[];
  action: SeccompAction;
  /** For SCMP_ACT_ERRNO and SCMP_ACT_TRACE; default EPERM. */
  errnoRet?: number;
  args?: readonly SeccompArg[];
}

/** A whole filter. `architectures`: SCMP_ARCH_…; absent: this machine's own and its 32-bit ones. */
export interface SeccompProfile {
  defaultAction: SeccompAction;
  defaultErrnoRet?: number;
  architectures?: readonly string[];
  /** SECCOMP_FILTER_FLAG_… */
  flags?: readonly string[];
  syscalls?: readonly SeccompRule[];
}

/** What the engine compiles for: the machine whose kernel runs the filter. */
export type Machine = 'amd64' | 'arm64';
