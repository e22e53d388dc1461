import { ABIS, syscallNumbers } from './numbers.ts';
import type { SeccompArg, SeccompProfile, SeccompRule } from './types.ts';

/*
 * What a container may ask of the kernel by default: every call this table of the kernel's calls knows, less those
 * below. The result is Docker's allow-list; a call newer than the table is refused, as an allow-list does.
 */

/** Calls that take a capability in the container to be allowed at all, and what they would otherwise reach. */
const NEEDS_CAPABILITY: ReadonlyArray<readonly [capabilities: string, calls: string, why: string]> = [
  [
    'CAP_DAC_READ_SEARCH',
    'open_by_handle_at',
    'opens any file of a file system by number: out of the container',
  ],
  [
    'CAP_SYS_ADMIN',
    'mount umount umount2 mount_setattr move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick',
    'a change of mounts could uncover what is masked',
  ],
  [
    'CAP_SYS_ADMIN',
    'unshare setns',
    'new user namespaces give capabilities that code behind them was never tried with',
  ],
  ['CAP_SYS_ADMIN', 'quotactl quotactl_fd', 'limits of the host’s disks'],
  ['CAP_SYS_ADMIN', 'fanotify_init', 'sees files opened on the whole mount'],
  ['CAP_SYS_ADMIN', 'sethostname setdomainname', 'the names are the container’s record'],
  ['CAP_SYS_ADMIN', 'lsm_get_self_attr lsm_set_self_attr lsm_list_modules', 'the host’s security modules'],
  ['CAP_SYS_ADMIN', 'lookup_dcookie', 'leaks what the host’s profiler sees'],
  ['CAP_SYS_ADMIN CAP_BPF', 'bpf', 'programs in the kernel'],
  ['CAP_SYS_ADMIN CAP_PERFMON', 'perf_event_open', 'measures the host, and other containers'],
  ['CAP_SYS_ADMIN CAP_SYSLOG', 'syslog', 'the host’s kernel messages'],
  ['CAP_SYS_BOOT', 'reboot', 'the host'],
  ['CAP_SYS_CHROOT', 'chroot', 'harmless with the capability, impossible without'],
  ['CAP_SYS_MODULE', 'init_module finit_module delete_module', 'code in the kernel'],
  ['CAP_SYS_PACCT', 'acct', 'fills the host’s disk'],
  ['CAP_SYS_PTRACE', 'kcmp pidfd_getfd process_madvise', 'looks into other processes'],
  ['CAP_SYS_RAWIO', 'ioperm iopl', 'the host’s ports'],
  ['CAP_SYS_TIME', 'settimeofday stime clock_settime clock_settime64', 'the host’s clock'],
  ['CAP_SYS_TTY_CONFIG', 'vhangup', 'hangs up the terminal'],
  [
    'CAP_SYS_NICE',
    'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
    'places memory past the limits of the cgroup',
  ],
];

/** Calls no container gets, with whatever capabilities. */
const NEVER: ReadonlyArray<readonly [calls: string, why: string]> = [
  ['add_key request_key keyctl', 'the kernel’s keyrings are not divided by namespaces'],
  ['kexec_load kexec_file_load', 'another kernel'],
  ['swapon swapoff', 'the host’s swap'],
  ['io_uring_setup io_uring_enter io_uring_register', 'does calls without making them: no filter sees them'],
  ['userfaultfd', 'stops the kernel in mid-copy: the means of many exploits'],
  ['pivot_root', 'a container’s root is made once; chroot and mount serve a program that may mount'],
  ['migrate_pages move_pages', 'move memory of other processes, past the limits of the cgroup'],
  ['nfsservctl', 'the host’s file server; gone from the kernel'],
  ['_sysctl sysfs ustat uselib', 'long obsolete'],
  ['create_module get_kernel_syms query_module', 'obsolete: modules'],
  ['vm86 vm86old', 'virtual 8086 mode, a privilege border seldom looked at'],
  [
    'afs_syscall break ftime getpmsg gtty idle lock mpx prof profil putpmsg security stty tuxcall ulimit vserver',
    'never written, or gone',
  ],
  ['bdflush', 'obsolete'],
  ['uprobe', 'for the kernel’s own use'],
  ['file_getattr file_setattr', 'newer than the profile this one follows'],
  ['oldfstat oldlstat oldolduname oldstat olduname readdir', 'interfaces of the first Linux'],
  ['sgetmask ssetmask signal sigaction sigpending sigsuspend nice', 'their successors do the same'],
];

/** clone(2) flags that make namespaces. */
const NEW_NAMESPACES = 0x7e020000;
const ENOSYS = 38;
/** personality(2): Linux, with and without 32-bit uname, without address randomisation's switch; -1 asks. */
const PERSONALITIES = [0, 8, 0x20000, 0x20008, 0xffffffff];
/** Address families: virtual machines' sockets reach the hypervisor, AF_ALG the kernel's ciphers; the rest is dead. */
const LAST_FAMILY = 45;
const REFUSED_FAMILIES = new Set([12, 19, 20, 23, 25, 34, 37, 38, 40]);

function eq(value: number): SeccompArg {
  return { index: 0, value, op: 'SCMP_CMP_EQ' };
}

function allow(names: readonly string[], ...args: SeccompArg[]): SeccompRule {
  return { names, action: 'SCMP_ACT_ALLOW', ...(args.length === 0 ? {} : { args }) };
}

/** The calls that depend on their arguments. */
function conditional(isAdmin: boolean): SeccompRule[] {
  const families = Array.from({ length: LAST_FAMILY + 1 }, (_, family) => family).filter(
    (family) => !REFUSED_FAMILIES.has(family),
  );
  const cloning: SeccompRule[] = isAdmin
    ? [allow(['clone', 'clone3'])]
    : [
        allow(['clone'], { index: 0, value: NEW_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }),
        // Its flags lie in memory, where no filter can look. ENOSYS makes a libc fall back to clone.
        { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
      ];
  return [
    ...families.map((family) => allow(['socket'], eq(family))),
    ...PERSONALITIES.map((persona) => allow(['personality'], eq(persona))),
    ...cloning,
  ];
}

const CONDITIONAL = ['socket', 'personality', 'clone', 'clone3'];

/** The default profile for a container with these capabilities ("CAP_CHOWN" …). */
export function defaultSeccomp(capabilities: readonly string[]): SeccompProfile {
  const refused = new Set([...CONDITIONAL, ...NEVER.flatMap(([calls]) => calls.split(' '))]);
  for (const [needed, calls] of NEEDS_CAPABILITY) {
    if (needed.split(' ').some((name) => capabilities.includes(name))) continue;
    for (const call of calls.split(' ')) refused.add(call);
  }
  const known = new Set(ABIS.flatMap(({ abi }) => [...syscallNumbers(abi).keys()]));
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    syscalls: [
      allow([...known].filter((name) => !refused.has(name)).sort()),
      ...conditional(capabilities.includes('CAP_SYS_ADMIN')),
    ],
  };
}
