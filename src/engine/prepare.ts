import type { ResolvedImage } from '../image/index.ts';
import type { RecordedIsolation, RecordedMount, RecordedResources } from '../storage/index.ts';
import type { Core } from './core.ts';
import type { EgressRecord } from './egress.ts';
import { type SecurityRecord, securityOf } from './security.ts';
import type { ContainerSpec } from './types.ts';

/** A spec checked against the host, its images and the other containers; nothing is made yet. */
export interface Prepared {
  security: SecurityRecord & EgressRecord;
  resources: RecordedResources;
  mounts: RecordedMount[];
  isolation?: RecordedIsolation;
}

const ISOLATION = [
  'privileged',
  'pid',
  'ipc',
  'uts',
  'cgroupns',
  'userns',
  'devices',
  'deviceCgroupRules',
  'sysctls',
  'ulimits',
  'oomScoreAdj',
  'groupAdd',
  'shmSizeBytes',
  'cgroupParent',
  'domainname',
  'openPaths',
] as const;

/** Checks and resolves a spec. Modules that a plain run does not need are loaded when used. Throws as their functions do. */
export async function prepareSpec(core: Core, spec: ContainerSpec, image: ResolvedImage): Promise<Prepared> {
  const isolated = ISOLATION.some((field) => spec[field] !== undefined);
  const isolation = isolated ? (await import('./isolation.ts')).isolationOf(core, spec) : undefined;
  const security = await securityOf(
    spec.privileged === true ? { ...spec, capAdd: ['ALL'], seccomp: spec.seccomp ?? 'unconfined' } : spec,
  );
  const limited = Object.keys(spec.resources ?? {}).length > 0;
  const resources = limited ? (await import('./limits.ts')).limitsOf(core, spec.resources ?? {}) : {};
  const mounted =
    (spec.mounts ?? []).length + (spec.volumesFrom ?? []).length > 0 ||
    Object.keys(image.config.Volumes ?? {}).length > 0;
  // They must be unpacked, and the built-in one be there.
  for (const m of spec.mounts ?? []) {
    if (m.type === 'image') await (await import('./images.ts')).imageFor(core, m.image);
  }
  const mounts = mounted ? (await import('./mounts.ts')).mountsOf(core, spec, image, isolation) : [];
  return {
    security: await reaching(core, spec.privileged === true ? withoutAsked(security, spec) : security, spec),
    resources,
    mounts,
    ...(isolation === undefined ? {} : { isolation }),
  };
}

/** What it may reach, and what follows from that. */
async function reaching(
  core: Core,
  security: SecurityRecord,
  spec: ContainerSpec,
): Promise<SecurityRecord & EgressRecord> {
  const shares = spec.network?.startsWith('container:') || spec.networks?.[0]?.name.startsWith('container:');
  if (spec.egress === undefined && shares !== true) return security;
  return (await import('./egress.ts')).limit(core, spec, security);
}

/** `inspect` shows what was asked for, not what --privileged made of it. */
function withoutAsked(security: SecurityRecord, spec: ContainerSpec): SecurityRecord {
  return { ...security, capAdd: [...(spec.capAdd ?? [])], capDrop: [...(spec.capDrop ?? [])] };
}
