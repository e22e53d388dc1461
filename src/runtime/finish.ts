import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { MOUNT_ATTR } from './constants.ts';
import { hasNamespace, type OciSpec } from './spec.ts';

type Noted = Action & StepNotes;

/** Why the two that every container has are there. */
const REASONS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': 'any user may bind port 80: it is the container’s own',
  'net.ipv4.ping_group_range': 'ping works without raw sockets',
};

/**
 * The file of a setting, sysctl(8): a name with dots, or one with slashes, where a dot stays ("net/ipv4/conf/eth0.1/…").
 */
export function sysctlPath(name: string): string {
  return `/proc/sys/${name.includes('/') ? name : name.replaceAll('.', '/')}`;
}

/** Settings of the kernel that the container's own namespaces have: when the network is there, before /proc/sys is read-only. */
export function sysctlSteps(spec: OciSpec): Step[] {
  return steps(
    'init',
    ...Object.entries(spec.linux.sysctl ?? {}).map(
      ([name, data]): Noted => ({
        op: 'write',
        path: sysctlPath(name),
        data,
        create: 0,
        why: REASONS[name] ?? 'a setting asked for',
      }),
    ),
  );
}

/** Names, and the root file system's last touch. */
export function finishSteps(spec: OciSpec): Step[] {
  const names: Noted[] = [];
  if (hasNamespace(spec.linux, 'uts')) {
    const why = 'the container’s own name, in its uts namespace';
    if (spec.hostname !== undefined) names.push({ op: 'sethostname', name: spec.hostname, why });
    if (spec.domainname !== undefined) names.push({ op: 'setdomainname', name: spec.domainname, why });
  }
  const readonlyRoot: Noted[] = spec.root.readonly
    ? [
        {
          op: 'mount-setattr',
          target: '/',
          set: MOUNT_ATTR.RDONLY,
          clear: 0,
          recursive: 0,
          why: '--read-only: the root, not the mounts on it',
        },
      ]
    : [];
  return steps('init', ...names, ...readonlyRoot);
}
