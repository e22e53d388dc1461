import { type Action, type Step, type StepNotes, steps } from '../../plan/index.ts';
import type { Config } from '../config/config.ts';
import { MS, S_IFBLK, S_IFCHR, S_IFIFO } from '../constants.ts';
import { mountFlags } from '../mount-flags.ts';
import type { Slots } from '../slots.ts';
import { takeTree } from '../take-tree.ts';
import { isBind } from './mounts.ts';
import { hasOwnUsers } from './namespaces.ts';

type Noted = Action & StepNotes;
type Device = NonNullable<NonNullable<Config['linux']>['devices']>[number];

const TYPES = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK, p: S_IFIFO } as const;

/** config-linux.md § Default Devices. */
const DEFAULTS: readonly Device[] = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
].map(([name, major, minor]) => ({
  path: `/dev/${name}`,
  type: 'c',
  major: Number(major),
  minor: Number(minor),
  fileMode: 0o666,
}));

const LINKS: ReadonlyArray<readonly [path: string, target: string]> = [
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
  ['/dev/core', '/proc/kcore'],
];

function node(device: Device, why: string): Noted[] {
  const directory = device.path.slice(0, device.path.lastIndexOf('/'));
  const made: Noted = {
    op: 'device',
    path: device.path,
    mode: TYPES[device.type] | ((device.fileMode ?? 0o666) & 0o7777),
    major: device.major ?? 0,
    minor: device.minor ?? 0,
    uid: device.uid ?? 0,
    gid: device.gid ?? 0,
    why,
  };
  if (directory === '' || directory === '/dev') return [made];
  return [{ op: 'real-directory', path: directory, why: 'where the device is' }, made];
}

/** A node of the host, bound: a user namespace may make none. */
function bound(device: Device, slots: Slots): { host: Noted[]; init: Noted[] } {
  const flags = { ...mountFlags([]), propagation: [{ type: MS.PRIVATE, recursive: true }] };
  const why = `${device.path} of the host`;
  return takeTree(slots.take(), device.path, device.path, { flags, isFile: true, why });
}

/**
 * The nodes and links of /dev, on top of whatever is mounted there. None where the caller's own /dev is bound: it has
 * them, and making one would make it on the host.
 */
export function bundleDevices(config: Config, slots: Slots): { host: Step[]; init: Step[] } {
  const isDev = (path: string): boolean => path.replace(/\/+$/, '') === '/dev';
  if ((config.mounts ?? []).some((m) => isBind(m) && isDev(m.destination))) return { host: [], init: [] };
  const asked = config.linux?.devices ?? [];
  const own = new Set(asked.map(({ path }) => path));
  const all = [...DEFAULTS.filter(({ path }) => !own.has(path)), ...asked];
  const made = hasOwnUsers(config)
    ? all.map((device) => bound(device, slots))
    : all.map((device) => ({ host: [], init: node(device, 'a device it must have') }));
  return {
    host: steps('host', ...made.flatMap(({ host }) => host)),
    init: steps(
      'init',
      { op: 'real-directory', path: '/dev', why: 'where the devices are' },
      ...made.flatMap(({ init }) => init),
      ...LINKS.map(
        ([path, target]): Noted => ({
          op: 'symlink',
          target,
          path,
          ignore: 'EEXIST',
          why: 'where programs look for it',
        }),
      ),
      { op: 'unlink', path: '/dev/ptmx', why: 'the one of an image would be the host’s' },
      { op: 'symlink', target: 'pts/ptmx', path: '/dev/ptmx', why: 'terminals of the container’s own' },
    ),
  };
}
