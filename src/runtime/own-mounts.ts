import type { Action, StepNotes } from '../plan/index.ts';
import { MS } from './constants.ts';

/** After a new mount namespace, which begins with the propagation of the old one: mount_namespaces(7). */
export function separateMounts(why: string): Action & StepNotes {
  return { op: 'mount', source: '', target: '/', fstype: '', flags: MS.REC | MS.PRIVATE, data: '', why };
}
