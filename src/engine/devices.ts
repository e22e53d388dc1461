import { readdirSync, statSync } from 'node:fs';
import { badInput, errnoOf, MydockerError } from '../base/index.ts';
import type { DeviceRule, RecordedDevice } from '../storage/index.ts';
import { deviceNumbers } from './limits.ts';
import type { DeviceSpec } from './types.ts';

const KIND = 0o170000;
const BLOCK = 0o060000;
const CHARACTER = 0o020000;
const DIRECTORY = 0o040000;

function nodeAt(hostPath: string, path: string, access: string): RecordedDevice | undefined {
  const { mode, rdev, uid, gid } = statSync(hostPath);
  const kind = mode & KIND;
  if (kind !== BLOCK && kind !== CHARACTER) return undefined;
  const type = kind === BLOCK ? 'b' : 'c';
  return { path, hostPath, type, ...deviceNumbers(rdev), fileMode: mode & 0o777, uid, gid, access };
}

/** All nodes below a directory, of what is not a container's own anyway. */
function below(hostPath: string, path: string, access: string): RecordedDevice[] {
  return readdirSync(hostPath, { withFileTypes: true }).flatMap((entry) => {
    const [from, to] = [`${hostPath}/${entry.name}`, `${path}/${entry.name}`];
    if (['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev'].includes(entry.name)) return [];
    if (entry.isDirectory()) return below(from, to, access);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    return nodeAt(from, to, access) ?? [];
  });
}

function deviceOf(spec: DeviceSpec): RecordedDevice[] {
  const { hostPath, path = hostPath, access = 'rwm' } = spec;
  if (!path.startsWith('/') || path.split('/').includes('..'))
    throw badInput(`--device: "${path}" is no path of a device in a container`, {
      subject: path,
      remedy: 'give for example --device /dev/fuse:/dev/fuse:rwm',
    });
  if (!/^[rwm]{1,3}$/.test(access))
    throw badInput(`--device ${hostPath}: "${access}" is not made of r, w and m`, {
      subject: hostPath,
      remedy: 'give r (read), w (write), m (mknod), or several of them',
    });
  try {
    if ((statSync(hostPath).mode & KIND) === DIRECTORY) return below(hostPath, path, access);
    const node = nodeAt(hostPath, path, access);
    if (node !== undefined) return [node];
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new MydockerError(
      'NO_DEVICE',
      `--device: ${errno === 'ENOENT' ? `this host has no ${hostPath}` : `${hostPath} cannot be reached (${errno})`}`,
      { errno, subject: hostPath, remedy: 'see what there is with: ls -l /dev' },
    );
  }
  throw new MydockerError(
    'NO_DEVICE',
    `--device: ${hostPath} is neither a device nor a directory of devices`,
    {
      subject: hostPath,
      remedy: 'to mount a file use -v',
    },
  );
}

/** The nodes behind `--device`. Throws BAD_INPUT, NO_DEVICE. */
export function devicesOf(specs: readonly DeviceSpec[] | undefined): RecordedDevice[] | undefined {
  return specs?.flatMap(deviceOf);
}

/** Every device of the host, as --privileged gives them; those asked for by another name too. */
export function hostDevices(more: readonly DeviceSpec[]): RecordedDevice[] {
  const asked = more.flatMap(deviceOf);
  const own = new Set(['console', 'ptmx', 'tty', 'null', 'zero', 'full', 'random', 'urandom', 'core']);
  const all = below('/dev', '/dev', 'rwm').filter(
    ({ path }) => !own.has(path.slice('/dev/'.length)) && !asked.some((device) => device.path === path),
  );
  return [...all, ...asked];
}

/** "c 10:200 rwm", "b 8:* r", "a": as the kernel's devices.allow takes them. Throws BAD_INPUT. */
export function deviceRule(text: string): DeviceRule {
  const match = /^([abc])(?:\s+(\d+|\*):(\d+|\*)\s+([rwm]{1,3}))?$/.exec(text.trim());
  const [, type = '', major = '*', minor = '*', access = 'rwm'] = match ?? [];
  if (match === null || (type !== 'a' && match[2] === undefined))
    throw badInput(`--device-cgroup-rule "${text}" is no rule`, {
      subject: text,
      remedy: 'give type, numbers and access, for example "c 10:200 rwm"',
    });
  return {
    type: type as DeviceRule['type'],
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access,
  };
}
