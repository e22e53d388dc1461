import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { S_IFBLK, S_IFCHR, S_IFIFO } from './constants.ts';
import { mountFlags } from './mount-flags.ts';
import { hasOwnUsers } from './namespaces.ts';
import type { OciDeviceRule } from './oci-resources.ts';
import type { Slots } from './slots.ts';
import type { OciDevice, OciSpec } from './spec.ts';
import { type TakenTree, takeTree } from './take-tree.ts';

type Noted = Action & StepNotes;

/** Those of every container, config-linux.md § Default Devices. */
const DEVICES: ReadonlyArray<readonly [name: string, major: number, minor: number, why: string]> = [
  ['null', 1, 3, 'swallows what is written'],
  ['zero', 1, 5, 'endless zeros'],
  ['full', 1, 7, 'always full'],
  ['random', 1, 8, 'the kernel’s random numbers'],
  ['urandom', 1, 9, 'the same'],
  ['tty', 5, 0, 'the terminal of whoever opens it'],
];

const LINKS: ReadonlyArray<readonly [path: string, target: string]> = [
  ['/dev/ptmx', 'pts/ptmx'],
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
  ['/dev/core', '/proc/kcore'],
];

/** Docker's rules: any node may be made, only these may be opened. */
export const DEFAULT_DEVICE_RULES: readonly OciDeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...DEVICES.map(
    ([, major, minor]): OciDeviceRule => ({ allow: true, type: 'c', major, minor, access: 'rwm' }),
  ),
  { allow: true, type: 'c', major: 5, minor: 1, access: 'rwm' },
  { allow: true, type: 'c', major: 5, minor: 2, access: 'rwm' },
  { allow: true, type: 'c', major: 136, access: 'rwm' },
];

const FILE_TYPES = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK, p: S_IFIFO } as const;

function node(device: OciDevice, why: string): Noted[] {
  const list: Noted[] = [];
  const directory = device.path.slice(0, device.path.lastIndexOf('/'));
  if (directory !== '' && directory !== '/dev')
    list.push({ op: 'real-directory', path: directory, why: 'where the device is' });
  list.push({
    op: 'mknod',
    path: device.path,
    mode: FILE_TYPES[device.type] | (device.fileMode ?? 0o666),
    major: device.major,
    minor: device.minor,
    why,
  });
  const { uid = 0, gid = 0 } = device;
  if (uid !== 0 || gid !== 0)
    list.push({ op: 'chown', path: device.path, uid, gid, why: 'whose it is on the host' });
  return list;
}

/** Who has users of its own cannot make nodes, user_namespaces(7): the host's are mounted in their place. */
function borrowedNodes(slots: Slots): TakenTree {
  const taken = DEVICES.map(([name, , , why]) =>
    takeTree(slots.take(), `/dev/${name}`, `/dev/${name}`, {
      flags: mountFlags(['bind']),
      isFile: true,
      why,
    }),
  );
  return { host: taken.flatMap(({ host }) => host), init: taken.flatMap(({ init }) => init) };
}

/** The nodes and links of a /dev that was just mounted. */
export function deviceSteps(spec: OciSpec, slots: Slots): TakenTree {
  const links = steps(
    'init',
    ...LINKS.map(
      ([path, target]): Noted => ({ op: 'symlink', target, path, why: 'where programs look for it' }),
    ),
  );
  if (hasOwnUsers(spec.linux)) {
    const { host, init } = borrowedNodes(slots);
    return { host, init: [...init, ...links] };
  }
  const own = new Set((spec.linux.devices ?? []).map(({ path }) => path));
  const nodes = DEVICES.filter(([name]) => !own.has(`/dev/${name}`)).flatMap(([name, major, minor, why]) =>
    node({ path: `/dev/${name}`, type: 'c', major, minor }, why),
  );
  return { host: [], init: [...steps('init', ...nodes), ...links] };
}

/** Devices asked for: made when everything is mounted, so that none is covered again. */
export function askedDevices(spec: OciSpec): Step[] {
  return steps('init', ...(spec.linux.devices ?? []).flatMap((device) => node(device, 'a device asked for')));
}

/** A rule as the v1 controller reads it: "c 1:3 rwm". devices.rst */
export function ruleText(rule: OciDeviceRule): string {
  const number = (value: number | undefined): string =>
    value === undefined || value < 0 ? '*' : String(value);
  const type = rule.type ?? 'a';
  return type === 'a' ? 'a' : `${type} ${number(rule.major)}:${number(rule.minor)} ${rule.access ?? 'rwm'}`;
}
