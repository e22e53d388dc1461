import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { MOUNT_ATTR, MS } from './constants.ts';
import type { OciLinux } from './spec.ts';

type Noted = Action & StepNotes;

/** What of the kernel's files stays hidden, or readable only. */
export function planMasks(spec: { linux: Pick<OciLinux, 'maskedPaths' | 'readonlyPaths'> }): Step[] {
  const list: Noted[] = [];
  for (const target of spec.linux.maskedPaths) {
    list.push({ op: 'mask', target, why: 'tells about, or reaches, the host' });
  }
  for (const path of spec.linux.readonlyPaths) {
    list.push({
      op: 'mount',
      source: path,
      target: path,
      fstype: '',
      flags: MS.BIND | MS.REC,
      data: '',
      ignore: 'ENOENT',
      why: 'a mount of its own, so that it can be made read-only',
    });
    list.push({
      op: 'mount-setattr',
      target: path,
      set: MOUNT_ATTR.RDONLY,
      clear: 0,
      recursive: 0,
      ignore: 'ENOENT',
      why: 'settings of the whole kernel',
    });
  }
  return steps('init', ...list);
}
