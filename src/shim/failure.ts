import { EXIT, errnoNumber, errnoWords, MydockerError } from '../base/index.ts';
import { OPS, type Plan, type Step } from '../plan/index.ts';
import { type Advice, adviseSetting } from './advice.ts';
import { adviseNetwork, heldPort, sayNetworkStep } from './network-failure.ts';
import { adviseOci, sayOciStep } from './oci-failure.ts';
import type { Failure, OutputLost } from './report.ts';

/** What a step is about, in a few words: "mount overlay on /var/lib/…/rootfs". */
export function sayStep(step: Step): string {
  switch (step.op) {
    case 'mount':
      return `mount ${step.fstype || step.source || 'propagation'} on ${step.target}`;
    case 'attach-tree':
      return `mount on ${step.target}`;
    case 'open-tree':
      return `take the mount at ${step.path}${step.below === '' ? '' : `/${step.below}`}`;
    case 'write':
      return `write ${JSON.stringify(Buffer.from(step.data).toString('utf8').slice(0, 40))} to ${step.path}`;
    case 'set-user':
      return `become user ${JSON.stringify(step.user)}`;
    case 'exec':
      return `execute ${step.file}`;
    case 'sethostname':
      return `set the host name ${step.name}`;
    case 'symlink':
      return `link ${step.path} to ${step.target}`;
    default: {
      const said = sayNetworkStep(step) ?? sayOciStep(step);
      if (said !== undefined) return said;
      const subject = 'path' in step ? step.path : 'target' in step ? step.target : '';
      return subject === '' ? step.op : `${step.op} ${subject}`;
    }
  }
}

const MAKE_ROOM = 'free some space, or choose another disk with --root';

function isFull(errno: string): boolean {
  return errno === 'ENOSPC' || errno === 'EDQUOT';
}

/** Causes that the errno alone does not tell, by step. */
function advise(step: Step, failure: Failure): Advice | undefined {
  const { errno } = failure;
  if (step.op === 'mount' && step.fstype === 'overlay' && errno === 'EINVAL') {
    return {
      code: 'OVERLAY_MOUNT',
      cause:
        'the upper directory lies on a file system that cannot be an overlay’s upper (overlayfs itself, NFS, vfat)',
      remedy: 'choose a root directory on ext4, xfs or tmpfs with --root',
    };
  }
  if (step.op === 'set-user' && errno === 'ESRCH') {
    return {
      code: 'NO_SUCH_USER',
      cause: 'the container’s /etc/passwd has no such user',
      remedy: 'use a name that is there, or a number',
    };
  }
  if (step.op === 'set-user' && errno === 'ENXIO') {
    return {
      code: 'NO_SUCH_GROUP',
      cause: 'the container’s /etc/group has no such group',
      remedy: 'use a name that is there, or a number',
    };
  }
  if (step.op === 'chdir' && (errno === 'ENOENT' || errno === 'ENOTDIR')) {
    return {
      code: 'NO_WORKDIR',
      cause: errno === 'ENOENT' ? 'the image has no such directory' : 'it is not a directory',
      remedy: 'give a directory that is there with -w, or make it in the image',
    };
  }
  if (step.op === 'open-process' && errno === 'ESRCH') {
    return { code: 'NOT_RUNNING', cause: 'the container’s process has ended', exitCode: 1 };
  }
  if (step.op === 'attach-tree' && errno === 'ENOTDIR') {
    return {
      code: 'MOUNT_KIND',
      cause: 'one of the two is a file, the other a directory',
      remedy: 'mount a directory on a directory, a file on a file',
    };
  }
  if (step.op === 'real-directory' && errno === 'ELOOP') {
    return {
      code: 'MOUNT_POINT_LINK',
      cause: 'the image has a symbolic link there',
      remedy: 'use an image whose mount points are directories',
    };
  }
  if (step.op === 'bpf-device' && ['EPERM', 'ENOSYS', 'EINVAL'].includes(errno)) {
    return {
      code: 'NO_DEVICE_RULES',
      cause: 'the kernel takes no BPF program of ours that says which devices the container may use',
      remedy:
        'run mydocker with CAP_SYS_ADMIN (or CAP_BPF and CAP_NET_ADMIN) on a kernel with CONFIG_CGROUP_BPF',
    };
  }
  if (step.op === 'write' && errno === 'EBUSY' && step.path.endsWith('cgroup.subtree_control')) {
    return {
      code: 'CGROUP_BUSY',
      cause: 'the cgroup that mydocker was given has processes that it cannot move away',
      remedy: 'start mydocker in a cgroup of its own, or with its own cgroup namespace',
    };
  }
  if (isFull(errno) && 'path' in step && !step.path.startsWith('/sys/')) {
    return {
      code: 'STATE_WRITE',
      cause: `the disk is full (${OPS[step.op].call}: ${step.why})`,
      remedy: MAKE_ROOM,
    };
  }
  return adviseNetwork(step, failure) ?? adviseSetting(step, errno);
}

/** PT_INTERP of an ELF file's first bytes (elf(5)), or the interpreter of its "#!" line. */
export function interpreterOf(head: Buffer): { name: string; carriageReturn: boolean } | undefined {
  if (head.length > 2 && head[0] === 0x23 && head[1] === 0x21) {
    const newline = head.indexOf(10);
    const line = head.toString('latin1', 2, newline < 0 ? head.length : newline);
    const word = line.trimStart().split(/[ \t]/)[0] ?? '';
    return { name: word.replace(/\r$/, ''), carriageReturn: line.endsWith('\r') };
  }
  if (head.length < 64 || head.readUInt32BE(0) !== 0x7f454c46 || head[4] !== 2) return undefined;
  const table = Number(head.readBigUInt64LE(32));
  const entryBytes = head.readUInt16LE(54);
  for (let i = 0; i < head.readUInt16LE(56); i++) {
    const at = table + i * entryBytes;
    if (at + 56 > head.length) break;
    if (head.readUInt32LE(at) !== 3) continue;
    const from = Number(head.readBigUInt64LE(at + 8));
    const size = Number(head.readBigUInt64LE(at + 32));
    if (from + size > head.length) return undefined;
    return { name: head.toString('latin1', from, from + size - 1), carriageReturn: false };
  }
  return undefined;
}

/** Why execve said no, with the file that is really missing. */
function adviseExec(file: string, failure: Failure): Advice {
  const { errno, path, head } = failure;
  const notFound = { exitCode: EXIT.notFound };
  const notExecutable = { exitCode: EXIT.notExecutable };
  const interpreter = interpreterOf(head);
  if (errno === 'ENOENT' && interpreter?.carriageReturn) {
    return {
      code: 'EXEC_CRLF',
      cause: `the first line of ${path} ends in a carriage return, so the kernel looks for "${interpreter.name}\\r"`,
      remedy: `save ${path} with Unix line ends (dos2unix)`,
      ...notFound,
    };
  }
  if (errno === 'ENOENT' && interpreter !== undefined) {
    return {
      code: 'EXEC_NO_INTERPRETER',
      cause: `${path} is there, but needs ${interpreter.name}, which the image lacks`,
      remedy: `use an image that has ${interpreter.name}, or a statically linked program`,
      ...notFound,
    };
  }
  if (errno === 'ENOENT' || errno === 'ENOTDIR') {
    const where = file.includes('/') ? 'the image has no such file' : 'no directory of PATH has it';
    return {
      code: 'EXEC_NOT_FOUND',
      cause: where,
      remedy: 'check the spelling, or give the full path',
      ...notFound,
    };
  }
  if (errno === 'ENOEXEC') {
    return {
      code: 'EXEC_FORMAT',
      cause: `${path} is neither a program for this machine nor a script with a "#!" line`,
      remedy: 'check its architecture, or add a "#!" line',
      ...notExecutable,
    };
  }
  if (errno === 'EACCES') {
    return {
      code: 'EXEC_DENIED',
      cause: `${path} is not executable, or is a directory`,
      remedy: `chmod +x ${path}`,
      ...notExecutable,
    };
  }
  return { code: 'EXEC_FAILED', cause: errnoWords(errnoNumber(errno) ?? 0), ...notExecutable };
}

/** Failures that are no step's: the plan itself, or the child was killed on its way. */
function planFailure(what: string, failure: Failure): MydockerError {
  const causes: Record<string, readonly [code: string, words: string, remedy: string]> = {
    ESTALE: [
      'PLAN_VERSION',
      'the shim was built for another version of the plan',
      'build the program and the shim together (npm run build)',
    ],
    EPROTO: ['PLAN_MALFORMED', 'the shim could not decode the plan', 'please report this'],
    ENOSPC: ['STATE_WRITE', 'its state could not be written, for the disk is full', MAKE_ROOM],
    EDQUOT: ['STATE_WRITE', 'its state could not be written, for the disk quota is used up', MAKE_ROOM],
    ECHILD: [
      'CHILD_KILLED',
      'the container’s process was killed before its program ran',
      'give it more memory if -m is small',
    ],
  };
  const [code, words, remedy] = causes[failure.errno] ?? [
    'SHIM_FAILED',
    'the shim could not go on',
    undefined,
  ];
  return new MydockerError(code, `${what}: ${words} (${failure.errno})`, { errno: failure.errno, remedy });
}

function subjectOf(step: Step, failure: Failure): string {
  if (step.op === 'exec') return failure.path || step.file;
  if (step.op === 'set-user') return step.user;
  if (step.op === 'hold-port') return heldPort(step);
  return 'path' in step ? step.path : 'target' in step ? step.target : sayStep(step);
}

/** The error for a plan that stopped at a step: the step, its subject, errno, cause, remedy. `what`: "cannot start bird". */
export function stepError(what: string, plan: Plan, failure: Failure): MydockerError {
  const step = failure.index === undefined ? undefined : plan.steps[failure.index];
  if (step === undefined || failure.index === undefined) return planFailure(what, failure);
  const said = sayStep(step);
  const advice =
    step.op === 'exec' ? adviseExec(step.file, failure) : (adviseOci(step, failure) ?? advise(step, failure));
  const cause =
    advice?.cause ?? `${errnoWords(errnoNumber(failure.errno) ?? 0)} (${OPS[step.op].call}: ${step.why})`;
  return new MydockerError(
    advice?.code ?? 'STEP_FAILED',
    `${what}: step ${failure.index + 1}, ${said}: ${failure.errno}: ${cause}`,
    {
      step: said,
      stepIndex: failure.index,
      errno: failure.errno,
      subject: subjectOf(step, failure),
      remedy: advice?.remedy,
      exitCode: advice?.exitCode,
    },
  );
}

/** The error for output the caller never got, though the program went on to its end. */
export function outputError(name: string, { stream, errno }: OutputLost): MydockerError {
  const which = stream === 1 ? 'standard output' : 'standard error';
  return new MydockerError(
    'OUTPUT_LOST',
    `part of what ${name} wrote is lost: ${which}: ${errno}: ${errnoWords(errnoNumber(errno) ?? 0)}`,
    { errno, subject: which, remedy: isFull(errno) ? 'free some space where it goes' : undefined },
  );
}
