/** Facts about the host that a bundle's plan needs. */
import { existsSync, readFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import {
  type BundleCgroup,
  type CgroupHost,
  type Config,
  compileSeccomp,
  detectCgroups,
  detectIoWeight,
} from '../runtime/bundle/index.ts';
import { ociError } from './store.ts';

let found: CgroupHost | undefined;
export function cgroups(): CgroupHost {
  found ??= detectCgroups();
  return found;
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return otherwise;
  }
}

/** "a-b.slice" lies in "a.slice": systemd.slice(5). */
function slicePath(slice: string): string {
  if (slice === '-.slice') return '';
  const parts = slice.replace(/\.slice$/, '').split('-');
  return parts.map((_, i) => `${parts.slice(0, i + 1).join('-')}.slice`).join('/');
}

/**
 * linux.cgroupsPath as a path below each hierarchy's root. With --systemd-cgroup it is "slice:prefix:name", and the
 * directory is the one systemd would use for that scope. Relative ones lie below "mydocker-oci".
 */
export function cgroupPath(config: Config, id: string, systemd: boolean): string {
  const asked = config.linux?.cgroupsPath ?? '';
  const bad = (why: string) =>
    ociError('OCI_BAD_CONFIG', `config.json: linux.cgroupsPath is "${asked}": ${why}`, { subject: asked });
  if (systemd) {
    const [slice = '', prefix = '', name = '', ...rest] = (
      asked === '' ? `system.slice:mydocker:${id}` : asked
    ).split(':');
    if (name === '' || rest.length > 0) throw bad('with --systemd-cgroup it must be "slice:prefix:name"');
    const unit = name.endsWith('.slice') ? name : `${prefix === '' ? '' : `${prefix}-`}${name}.scope`;
    return `${slicePath(slice === '' ? 'system.slice' : slice)}/${unit}`.replace(/^\//, '');
  }
  const parts = (
    asked === '' ? `mydocker-oci/${id}` : asked.startsWith('/') ? asked : `mydocker-oci/${asked}`
  )
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw bad('it must not lead upwards');
  if (parts.length === 0) throw bad('it must name a cgroup below the root');
  return parts.join('/');
}

function cpusetFacts(path: string): { cpus: string; mems: string; cpusetEmpty: string[] } {
  const mount = cgroups().v1.find((h) => h.controllers.includes('cpuset'))?.mount;
  if (mount === undefined) return { cpus: '', mems: '', cpusetEmpty: [] };
  let from = mount;
  const cpusetEmpty: string[] = [];
  const parts = path.split('/').slice(0, -1);
  for (let i = 1; i <= parts.length; i++) {
    const above = parts.slice(0, i).join('/');
    if (readOr(`${mount}/${above}/cpuset.cpus`, '') === '') cpusetEmpty.push(above);
    else from = `${mount}/${above}`;
  }
  return { cpus: readOr(`${from}/cpuset.cpus`, ''), mems: readOr(`${from}/cpuset.mems`, ''), cpusetEmpty };
}

/** The place of a container's cgroups. Throws OCI_CGROUP_BUSY when somebody lives there: delete would kill them. */
export function cgroupFacts(path: string): BundleCgroup {
  const host = cgroups();
  const roots = host.version === 2 ? [host.v2 ?? ''] : host.v1.map((h) => h.mount);
  for (const root of roots) {
    const procs = readOr(`${root}/${path}/cgroup.procs`, '');
    if (procs === '') continue;
    throw ociError(
      'OCI_CGROUP_BUSY',
      `the container's cgroup ${root}/${path} is not empty: ${procs.split('\n').length} process(es) found`,
      {
        subject: path,
        remedy: 'give another linux.cgroupsPath',
      },
    );
  }
  const memory = host.v1.find((h) => h.controllers.includes('memory'))?.mount;
  return {
    path,
    facts: {
      ...cpusetFacts(path),
      hasMemsw: memory !== undefined && existsSync(`${memory}/memory.memsw.limit_in_bytes`),
      get ioWeight() {
        return detectIoWeight(host);
      },
    },
  };
}

/** The capabilities this process may hand on. */
export function heldCapabilities(): bigint {
  const status = readFileSync('/proc/self/status', 'latin1');
  const hex = (name: string): bigint =>
    BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)`, 'm').exec(status)?.[1] ?? '0'}`);
  return hex('CapBnd') & hex('CapPrm');
}

const SECCOMP_FLAGS: Readonly<{ [name: string]: number }> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
};

/** linux.seccomp, compiled, and the flags it is loaded with. Throws BAD_SECCOMP, OCI_BAD_CONFIG. */
export async function seccompOf(
  config: Config,
): Promise<{ seccomp: Uint8Array | undefined; seccompFlags: number }> {
  const asked = config.linux?.seccomp;
  if (asked === undefined) return { seccomp: undefined, seccompFlags: 0 };
  const { flags = [], listenerPath } = asked as { flags?: string[] | null; listenerPath?: string };
  let seccompFlags = 0;
  for (const name of flags ?? []) {
    const bit = SECCOMP_FLAGS[name];
    if (bit === undefined)
      throw ociError(
        'OCI_BAD_CONFIG',
        `config.json: linux.seccomp.flags has "${name}", which is not supported here`,
        {
          subject: name,
        },
      );
    seccompFlags |= bit;
  }
  if (listenerPath !== undefined && listenerPath !== '')
    throw ociError('OCI_BAD_CONFIG', 'config.json: linux.seccomp.listenerPath is not supported here', {
      subject: listenerPath,
    });
  return { seccomp: await compileSeccomp(JSON.stringify(asked), []), seccompFlags };
}

/** Labels of security modules: nothing here would apply them. Throws OCI_BAD_CONFIG. */
export function checkLabels(config: Config): void {
  const { apparmorProfile = '', selinuxLabel = '' } = config.process ?? {};
  const refuse = (at: string, value: string, there: boolean, module: string): void => {
    const why = there
      ? `mydocker does not apply ${module} labels: the container would run without it`
      : `this kernel runs without ${module}`;
    throw ociError('OCI_BAD_CONFIG', `config.json: ${at} is "${value}": ${why}`, {
      subject: value,
      remedy: 'leave it out (podman, docker: --security-opt apparmor=unconfined or label=disable)',
    });
  };
  const selinux = existsSync('/sys/fs/selinux/enforce');
  if (apparmorProfile !== '' && apparmorProfile !== 'unconfined') {
    const there = readOr('/sys/module/apparmor/parameters/enabled', '').startsWith('Y');
    refuse('process.apparmorProfile', apparmorProfile, there, 'AppArmor');
  }
  if (selinuxLabel !== '') refuse('process.selinuxLabel', selinuxLabel, selinux, 'SELinux');
  const label = config.linux?.mountLabel ?? '';
  if (label !== '') refuse('linux.mountLabel', label, selinux, 'SELinux');
}
