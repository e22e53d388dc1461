import { SYSCALL_RUNS } from './syscall-table.ts';

/** A system call interface with numbers of its own. */
export type Abi = keyof typeof SYSCALL_RUNS;

/** One ABI as a filter sees it: seccomp(2), struct seccomp_data. */
export interface AbiFacts {
  abi: Abi;
  /** AUDIT_ARCH_…, linux/audit.h. x32 shares that of amd64. */
  audit: number;
  /** x32 numbers carry this bit. */
  bit: number;
  /** libseccomp's name, as profiles have it. */
  scmp: string;
}

export const X32_BIT = 0x40000000;

export const ABIS: readonly AbiFacts[] = [
  { abi: 'amd64', audit: 0xc000003e, bit: 0, scmp: 'SCMP_ARCH_X86_64' },
  { abi: 'x32', audit: 0xc000003e, bit: X32_BIT, scmp: 'SCMP_ARCH_X32' },
  { abi: '386', audit: 0x40000003, bit: 0, scmp: 'SCMP_ARCH_X86' },
  { abi: 'arm64', audit: 0xc00000b7, bit: 0, scmp: 'SCMP_ARCH_AARCH64' },
];

const parsed = new Map<Abi, ReadonlyMap<string, number>>();

/** Names and numbers of an ABI's system calls. */
export function syscallNumbers(abi: Abi): ReadonlyMap<string, number> {
  const known = parsed.get(abi);
  if (known !== undefined) return known;
  const numbers = new Map<string, number>();
  for (const run of SYSCALL_RUNS[abi].split('; ')) {
    const [first, ...names] = run.split(' ');
    for (const [i, name] of names.entries()) numbers.set(name, Number(first) + i);
  }
  parsed.set(abi, numbers);
  return numbers;
}
