import type { Step } from '../plan/index.ts';
import type { Advice } from './advice.ts';
import { type Failure, sayWaitStatus } from './report.ts';

/** Words for the steps of an OCI runtime; undefined for any other. */
export function sayOciStep(step: Step): string | undefined {
  switch (step.op) {
    case 'hook':
    case 'hook-lenient':
      return `run ${step.why} ${step.path}`;
    case 'find-program':
      return `find ${step.file}`;
    case 'set-ids':
      return `become user ${step.uid}:${step.gid}`;
    case 'open-namespace':
      return `open the namespace ${step.path}`;
    case 'check-namespace':
      return 'check the namespace';
    case 'rlimit':
      return `set ${step.why}`;
    default:
      return undefined;
  }
}

function hookCause(failure: Failure): string {
  if (failure.errno === 'ETIMEDOUT' || failure.head.length < 4)
    return 'it did not end in time and was killed';
  const output = failure.head
    .toString('utf8', 4)
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ');
  return `${sayWaitStatus(failure.head.readInt32LE(0))}${output === '' ? '' : `: ${output}`}`;
}

/** Words that callers of OCI runtimes look for (podman and dockerd make exit codes 126 and 127 of them). */
function programCause(file: string, errno: string, path: string): string {
  if (errno === 'EACCES') return `exec: "${file}": permission denied: ${path} is not an executable file`;
  if (file.includes('/')) return `exec: "${file}": stat ${file}: no such file or directory`;
  return `exec: "${file}": executable file not found in $PATH`;
}

/** Causes that the errno alone does not tell, of the steps of an OCI runtime. */
export function adviseOci(step: Step, failure: Failure): Advice | undefined {
  const { errno } = failure;
  if (step.op === 'hook') return { code: 'OCI_HOOK_FAILED', cause: hookCause(failure) };
  if (step.op === 'find-program')
    return {
      code: errno === 'EACCES' ? 'EXEC_DENIED' : 'EXEC_NOT_FOUND',
      cause: programCause(step.file, errno, failure.path),
      remedy: 'check its spelling, or give the full path in process.args',
    };
  if (step.op === 'console-socket')
    return {
      code: 'OCI_CONSOLE_SOCKET',
      cause: errno === 'ENOENT' ? 'there is no such socket' : 'nobody listens there',
      remedy: 'give a Unix socket that is listened on with --console-socket',
    };
  if (step.op === 'open-namespace' || step.op === 'check-namespace')
    return {
      code: 'OCI_NAMESPACE',
      cause:
        errno === 'EINVAL'
          ? 'it is a namespace of another type'
          : errno === 'ENOTTY'
            ? 'it is no namespace'
            : 'it is not there',
      remedy: 'check linux.namespaces in config.json',
    };
  if (step.op === 'device' && errno === 'EEXIST')
    return {
      code: 'OCI_DEVICE',
      cause: 'another file is there already',
      remedy: 'remove it from the root file system',
    };
  if (step.op === 'rlimit' && errno === 'EPERM')
    return {
      code: 'OCI_RLIMIT',
      cause: 'the hard limit is above the one of this process, and raising it is not allowed here',
    };
  return undefined;
}
