/** What config.json must say beyond its schema: values that go together, names the kernel knows. */
import { CAP, RLIMITS } from '../constants.ts';
import { mountFlags } from '../mount-flags.ts';
import {
  type Config,
  type ConfigProcess,
  config as configSchema,
  process as processSchema,
} from './config.ts';
import type { Resources } from './linux.ts';
import type { Problem } from './schema.ts';

/** A configuration, or why it is none. */
export interface Reading<T> {
  value: T | undefined;
  /** Things the runtime cannot do: an error each (config.md). */
  problems: Problem[];
  /** Things to be logged, and otherwise ignored. */
  warnings: Problem[];
}

const quote = (text: string): string => JSON.stringify(text);

function duplicates(names: readonly string[], at: string, problems: Problem[]): void {
  const seen = new Set<string>();
  for (const [i, name] of names.entries()) {
    if (seen.has(name)) problems.push({ at: `${at}[${i}].type`, why: `is ${quote(name)} a second time` });
    seen.add(name);
  }
}

/** SemVer, and a version this program knows the specification of. */
function checkVersion(version: string, problems: Problem[]): void {
  const match = /^(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/.exec(version);
  if (match === null)
    problems.push({ at: 'ociVersion', why: `is ${quote(version)}, must be a version as 1.2.0 (SemVer)` });
  else if (match[1] !== '1')
    problems.push({
      at: 'ociVersion',
      why: `is ${quote(version)}, must be 1.x: other versions are not known here`,
    });
}

/**
 * A name that no capability has: an error up to version 1.0.2 of the specification, a warning since 1.1 (config.md §
 * Linux Process).
 */
function checkCapabilities(
  process: ConfigProcess,
  version: string,
  problems: Problem[],
  warnings: Problem[],
): void {
  const strict = /^1\.0\./.test(version);
  for (const [set, names = []] of Object.entries(process.capabilities ?? {}))
    for (const [i, name] of names.entries())
      if (CAP[name] === undefined)
        (strict ? problems : warnings).push({
          at: `process.capabilities.${set}[${i}]`,
          why: `is ${quote(name)}, which is no capability known here${strict ? '' : ': ignored'}`,
        });
}

function checkProcess(
  process: ConfigProcess,
  version: string,
  problems: Problem[],
  warnings: Problem[],
): void {
  if (process.args === undefined || process.args.length === 0)
    problems.push({ at: 'process.args', why: 'is empty: it must have at least the program' });
  const limits = process.rlimits ?? [];
  duplicates(
    limits.map(({ type }) => type),
    'process.rlimits',
    problems,
  );
  for (const [i, { type, soft, hard }] of limits.entries()) {
    if (!RLIMITS.some((name) => `RLIMIT_${name}` === type))
      problems.push({
        at: `process.rlimits[${i}].type`,
        why: `is ${quote(type)}, which is no limit of getrlimit(2)`,
      });
    if (soft > hard)
      problems.push({ at: `process.rlimits[${i}].soft`, why: `is ${soft}, more than hard (${hard})` });
  }
  for (const [i, word] of (process.env ?? []).entries())
    if (!word.includes('='))
      warnings.push({ at: `process.env[${i}]`, why: `is ${quote(word)}, without "="` });
  checkCapabilities(process, version, problems, warnings);
}

const SHARED_IPC = /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$|fs\.mqueue\.)/;

/** A setting that no namespace of the container holds would be the host's. */
function checkSysctls(config: Config, problems: Problem[]): void {
  const own = (type: string): boolean => (config.linux?.namespaces ?? []).some((ns) => ns.type === type);
  for (const name of Object.keys(config.linux?.sysctl ?? {})) {
    const at = `linux.sysctl[${quote(name)}]`;
    const dotted = name.replaceAll('/', '.');
    if (dotted.includes('..')) problems.push({ at, why: 'is no name of a setting' });
    else if (SHARED_IPC.test(dotted)) {
      if (!own('ipc'))
        problems.push({ at, why: 'is the host’s: there is no ipc namespace of the container’s own' });
    } else if (dotted.startsWith('net.')) {
      if (!own('network'))
        problems.push({ at, why: 'is the host’s: there is no network namespace of the container’s own' });
    } else if (dotted === 'kernel.domainname' || dotted === 'kernel.hostname') {
      if (!own('uts'))
        problems.push({ at, why: 'is the host’s: there is no uts namespace of the container’s own' });
    } else if (!(dotted.startsWith('user.') && own('user')))
      problems.push({ at, why: 'is not in any namespace: it would change the whole host' });
  }
}

function checkNamespaces(config: Config, problems: Problem[]): void {
  const namespaces = config.linux?.namespaces ?? [];
  duplicates(
    namespaces.map(({ type }) => type),
    'linux.namespaces',
    problems,
  );
  for (const [i, { type, path = '' }] of namespaces.entries()) {
    if (path !== '' && !path.startsWith('/'))
      problems.push({
        at: `linux.namespaces[${i}].path`,
        why: `is ${quote(path)}, must be an absolute path`,
      });
    if (path !== '' && type === 'user')
      problems.push({ at: `linux.namespaces[${i}].path`, why: `is not supported for a ${type} namespace` });
  }
  const own = (type: string): boolean => namespaces.some((ns) => ns.type === type);
  if (!own('mount'))
    problems.push({ at: 'linux.namespaces', why: 'has no mount namespace: the mounts would be the host’s' });
  const needs: Array<[string, string | undefined, string]> = [
    ['hostname', config.hostname, 'uts'],
    ['domainname', config.domainname, 'uts'],
  ];
  for (const [at, value, type] of needs)
    if (value !== undefined && value !== '' && !own(type))
      problems.push({ at, why: `cannot be set: there is no ${type} namespace of the container’s own` });
  if (Object.keys(config.linux?.timeOffsets ?? {}).length > 0 && !own('time'))
    problems.push({ at: 'linux.timeOffsets', why: 'cannot be set: there is no time namespace' });
  const { uidMappings = [], gidMappings = [] } = config.linux ?? {};
  if (uidMappings.length + gidMappings.length > 0 && !own('user'))
    problems.push({ at: 'linux.uidMappings', why: 'are given, but there is no user namespace' });
}

function checkMounts(config: Config, warnings: Problem[], problems: Problem[]): void {
  for (const [i, m] of (config.mounts ?? []).entries()) {
    const at = `mounts[${i}]`;
    if (!m.destination.startsWith('/'))
      warnings.push({
        at: `${at}.destination`,
        why: `is ${quote(m.destination)}, which is deprecated: taken as below /`,
      });
    const options = m.options ?? [];
    const isBind = m.type === 'bind' || options.includes('bind') || options.includes('rbind');
    if (isBind && (m.source ?? '') === '')
      problems.push({ at: `${at}.source`, why: 'is missing: a bind mount needs one' });
    if (!isBind && (m.type ?? '') === '')
      problems.push({ at: `${at}.type`, why: 'is missing: only a bind mount needs none' });
    const { data } = mountFlags(options);
    if (isBind && data.length > 0)
      warnings.push({
        at: `${at}.options`,
        why: `has ${data.map(quote).join(', ')}: no option of a bind mount, ignored`,
      });
    const isMapped = (m.uidMappings ?? []).length > 0 || (m.gidMappings ?? []).length > 0;
    const asked = options.find((option) => option === 'idmap' || option === 'ridmap');
    // "If they are not specified, the runtime MAY use the container's user namespace mapping, otherwise an error MUST be
    // returned": config.md § Mounts.
    if (asked !== undefined && !isMapped)
      problems.push({
        at: `${at}.options`,
        why: `has ${quote(asked)}, but the mount has no uidMappings or gidMappings`,
      });
    if (isMapped)
      if (!isBind)
        problems.push({ at: `${at}.uidMappings`, why: 'are given for a mount that is no bind mount' });
  }
}

function checkResources(
  { rdma = {}, memory = {}, blockIO = {}, cpu = {} }: Resources,
  problems: Problem[],
  warnings: Problem[],
): void {
  const at = 'linux.resources';
  if (Object.keys(rdma).length > 0) problems.push({ at: `${at}.rdma`, why: 'is not supported here' });
  if ((memory.kernel ?? 0) > 0)
    warnings.push({ at: `${at}.memory.kernel`, why: 'is ignored: the kernel has no such limit any more' });
  const leaf = [blockIO, ...(blockIO.weightDevice ?? [])].some((one) => (one.leafWeight ?? 0) > 0);
  if (leaf) problems.push({ at: `${at}.blockIO`, why: 'has a leafWeight: no kernel since 5.0 has it' });
  const { quota = 0, burst = 0 } = cpu;
  if (quota > 0 && burst > quota)
    problems.push({ at: `${at}.cpu.burst`, why: `is ${burst}, more than quota (${quota})` });
}

/** set_mempolicy(2): which modes take nodes. MPOL_PREFERRED without any is MPOL_LOCAL. */
function checkMemoryPolicy(policy: NonNullable<Config['linux']>['memoryPolicy'], problems: Problem[]): void {
  if (policy === undefined) return;
  const { mode, nodes, flags = [] } = policy;
  const at = 'linux.memoryPolicy';
  const takesNone = mode === 'MPOL_DEFAULT' || mode === 'MPOL_LOCAL';
  if (takesNone && nodes !== undefined)
    problems.push({ at: `${at}.nodes`, why: `is given, and ${mode} has none` });
  if (!takesNone && mode !== 'MPOL_PREFERRED' && nodes === undefined)
    problems.push({ at: `${at}.nodes`, why: `is missing: ${mode} needs at least one` });
  if (flags.includes('MPOL_F_STATIC_NODES') && flags.includes('MPOL_F_RELATIVE_NODES'))
    problems.push({ at: `${at}.flags`, why: 'has both MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES' });
}

const PROPAGATIONS = [
  '',
  'shared',
  'slave',
  'private',
  'unbindable',
  'rshared',
  'rslave',
  'rprivate',
  'runbindable',
];

function checkLinux(config: Config, problems: Problem[], warnings: Problem[]): void {
  const { linux = {} } = config;
  if (!PROPAGATIONS.includes(linux.rootfsPropagation ?? ''))
    problems.push({
      at: 'linux.rootfsPropagation',
      why: `is ${quote(linux.rootfsPropagation ?? '')}, must be one of ${PROPAGATIONS.slice(1).join(', ')}`,
    });
  checkResources(linux.resources ?? {}, problems, warnings);
  checkMemoryPolicy(linux.memoryPolicy, problems);
  for (const name of ['intelRdt', 'netDevices'] as const)
    if (linux[name] !== undefined) problems.push({ at: `linux.${name}`, why: 'is not supported here' });
  const { personality } = linux;
  if (personality !== undefined && !['LINUX', 'LINUX32'].includes(personality.domain))
    problems.push({
      at: 'linux.personality.domain',
      why: `is ${quote(personality.domain)}, must be LINUX or LINUX32`,
    });
  if ((personality?.flags ?? []).length > 0)
    problems.push({ at: 'linux.personality.flags', why: 'must be empty: the specification names none yet' });
  for (const [i, device] of (linux.devices ?? []).entries())
    if (device.type !== 'p' && (device.major === undefined || device.minor === undefined))
      problems.push({
        at: `linux.devices[${i}].major`,
        why: 'or minor is missing, and required for this type',
      });
  for (const list of ['maskedPaths', 'readonlyPaths'] as const)
    for (const [i, path] of (linux[list] ?? []).entries())
      if (!path.startsWith('/'))
        problems.push({ at: `linux.${list}[${i}]`, why: `is ${quote(path)}, must be an absolute path` });
}

/** Checks the value of a parsed config.json. Pure. */
export function readConfig(json: unknown): Reading<Config> {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const value = configSchema(json, '', problems);
  if (value === undefined || problems.length > 0) return { value: undefined, problems, warnings };
  checkVersion(value.ociVersion, problems);
  if (value.process !== undefined) checkProcess(value.process, value.ociVersion, problems, warnings);
  checkNamespaces(value, problems);
  checkMounts(value, warnings, problems);
  checkSysctls(value, problems);
  checkLinux(value, problems, warnings);
  return { value: problems.length > 0 ? undefined : absoluteMounts(value), problems, warnings };
}

/** "It MAY be a relative path, in which case it MUST be interpreted as relative to /" (config.md § Mounts). */
function absoluteMounts(config: Config): Config {
  if (config.mounts === undefined || config.mounts.every((m) => m.destination.startsWith('/'))) return config;
  const mounts = config.mounts.map((m) =>
    m.destination.startsWith('/') ? m : { ...m, destination: `/${m.destination}` },
  );
  return { ...config, mounts };
}

/** A process object alone tells no version. */
const LATEST = '1.3.0';

/** The same for the process of an exec (`exec --process`). */
export function readProcess(json: unknown): Reading<ConfigProcess> {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const value = processSchema(json, 'process', problems);
  if (value !== undefined && problems.length === 0) checkProcess(value, LATEST, problems, warnings);
  return { value: problems.length > 0 ? undefined : value, problems, warnings };
}
