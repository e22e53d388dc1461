import type { Action, StepNotes } from '../../plan/index.ts';
import type { Config } from '../config/config.ts';
import { MOUNT_ATTR, MS } from '../constants.ts';
import { sysctlPath } from '../finish.ts';
import { rootPropagation } from './mounts.ts';
import { hasNamespace } from './namespaces.ts';

type Noted = Action & StepNotes;

const DOMAINS: Readonly<Record<string, number>> = { LINUX: 0, LINUX32: 8 };

/** What is set when all is mounted, before it is made read-only. */
export function settings(config: Config): Noted[] {
  const list: Noted[] = [];
  for (const [name, value] of Object.entries(config.linux?.sysctl ?? {}))
    list.push({
      op: 'write',
      path: sysctlPath(name),
      data: value,
      create: 0,
      why: `linux.sysctl ${name}`,
    });
  if (config.hostname !== undefined && config.hostname !== '' && hasNamespace(config, 'uts'))
    list.push({
      op: 'sethostname',
      name: config.hostname,
      why: 'the container’s own name, in its uts namespace',
    });
  if (config.domainname !== undefined && config.domainname !== '' && hasNamespace(config, 'uts'))
    list.push({ op: 'setdomainname', name: config.domainname, why: 'and its domain' });
  return list;
}

export function closing(config: Config): Noted[] {
  const list: Noted[] = [];
  const propagation = rootPropagation(config.linux?.rootfsPropagation);
  if (propagation !== 0)
    list.push({
      op: 'mount',
      source: '',
      target: '/',
      fstype: '',
      flags: propagation | ((config.linux?.rootfsPropagation ?? '').startsWith('r') ? MS.REC : 0),
      data: '',
      why: 'linux.rootfsPropagation',
    });
  if (config.root.readonly === true)
    list.push({
      op: 'mount-setattr',
      target: '/',
      set: MOUNT_ATTR.RDONLY,
      clear: 0,
      recursive: 0,
      why: 'root.readonly: the root, not the mounts on it',
    });
  const { personality } = config.linux ?? {};
  if (personality !== undefined)
    list.push({ op: 'personality', persona: DOMAINS[personality.domain] ?? 0, why: 'linux.personality' });
  return list;
}
