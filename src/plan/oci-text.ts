import * as names from './names.ts';
import type { Action } from './step.ts';

const quote = (text: string): string => JSON.stringify(text);
const slot = (number: number): string => `slot ${number}`;

/** The numbers that stand in a mask: "0,1,7". */
function maskText(mask: string | Uint8Array): string {
  const numbers = [...Buffer.from(mask)].flatMap((byte, i) =>
    [...Array(8).keys()].filter((bit) => byte & (1 << bit)).map((bit) => 8 * i + bit),
  );
  return numbers.length > 16 ? `${numbers.slice(0, 16).join(',')}…` : numbers.join(',');
}

/** The operations of an OCI runtime. */
export function ociText(a: Action): string | undefined {
  switch (a.op) {
    case 'hook':
    case 'hook-lenient':
      return `execve(${quote(a.path)}, [${a.argv.map(quote).join(', ')}]; the state on its standard input${a.timeoutMs === 0 ? '' : `, ${a.timeoutMs} ms at most`})`;
    case 'meet':
      return 'meet(shim and child, the mounts are made)';
    case 'await-child':
      return 'await the child';
    case 'start-fifos':
      return `mkfifo(${quote(a.go)}) -> ${slot(a.goSlot)}, mkfifo(${quote(a.said)}) -> ${slot(a.saidSlot)}`;
    case 'wait-start':
      return `read(${slot(a.goSlot)}, one byte)`;
    case 'console-socket':
      return `connect(${quote(a.path)})`;
    case 'keep-descriptors':
      return `close_range(${3 + a.count}, ~0) but for what is needed up to execve`;
    case 'signal':
      return `pidfd_send_signal(${slot(a.slot)}, ${a.signal})`;
    case 'tmpfs-copy-up':
      return `copy(${[a.content === 0 ? '' : 'everything in', a.mode === 0 ? '' : 'the mode of'].filter((word) => word !== '').join(' and ')} ${slot(a.slot)}, ${quote(a.path)})`;
    case 'personality':
      return `personality(${a.persona})`;
    case 'scheduler':
      return `sched_setattr(policy ${a.policy}, nice ${a.nice | 0}, priority ${a.priority})`;
    case 'io-priority':
      return `ioprio_set(class ${a.class}, level ${a.level})`;
    case 'memory-policy':
      return `set_mempolicy(${a.mode & 0x1fff}, nodes ${maskText(a.nodes)})`;
    case 'cpu-affinity':
      return `sched_setaffinity(0, ${maskText(a.cpus)})`;
    case 'check-namespace':
      return `ioctl(${slot(a.slot)}, NS_GET_NSTYPE) is ${names.namespaceFlags(a.type)}`;
    case 'set-ids':
      return `setgroups(${a.groups.length / 4} groups), setresgid(${a.gid}), setresuid(${a.uid})`;
    case 'write-pid':
      return `write(${quote(a.path)}, the process id)`;
    case 'device':
      return `mknod(${quote(a.path)}, 0${a.mode.toString(8)}, makedev(${a.major}, ${a.minor})), chown(${a.uid}, ${a.gid})`;
    case 'mkdir-all':
      return `mkdir(${quote(a.path)} and what is missing above it, 0${a.mode.toString(8)})`;
    case 'find-program':
      return `access(${quote(a.file)}, X_OK)`;
    case 'leave-chroot':
      return `fchdir(${slot(a.slot)}), chroot(".")`;
    default:
      return undefined;
  }
}
