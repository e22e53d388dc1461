import { type Step, steps } from '../plan/index.ts';
import { CLONE, MS } from './constants.ts';

const TARGET_SLOT = 0;

/** Steps that take the shim into the mount namespace of a running container: its root becomes ours. */
export function enterNamespace(pid: number, startTicks: number): Step[] {
  return steps(
    'host',
    {
      op: 'open-process',
      pid,
      startTicks,
      slot: TARGET_SLOT,
      why: 'a handle on process 1; refused if the pid is another process by now',
    },
    { op: 'setns', slot: TARGET_SLOT, flags: CLONE.NEWNS, why: 'its mounts, its root' },
  );
}

/** Steps that give the shim mounts nobody else sees: the kernel takes them away with it. */
export function privateMounts(): Step[] {
  return steps(
    'host',
    { op: 'unshare', flags: CLONE.NEWNS, why: 'mounts of our own: gone with this process' },
    {
      op: 'mount',
      source: '',
      target: '/',
      fstype: '',
      flags: MS.REC | MS.PRIVATE,
      data: '',
      why: 'no mount made here is seen by the host',
    },
  );
}
