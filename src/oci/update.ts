import { readFileSync, writeFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import {
  type LimitWrite,
  limitsOf,
  limitsV1,
  limitsV2,
  type Problem,
  type Resources,
  resources as resourcesSchema,
} from '../runtime/bundle/index.ts';
import { cgroupFacts, cgroups } from './host.ts';
import type { OciRuntime } from './runtime.ts';
import { findMade } from './state.ts';
import { type OciRecord, ociError } from './store.ts';

/** Flags of `update`; bytes and microseconds as the specification has them. */
export interface UpdateFlags {
  /** A file with a resources object, "-" for standard input; the flags are then not looked at. */
  file: string | undefined;
  resources: Resources;
}

function readResources(file: string): Resources {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw ociError('OCI_BAD_INPUT', `cannot read resources from ${file}: ${why}`, { subject: file });
  }
  const problems: Problem[] = [];
  const read = resourcesSchema(json, 'resources', problems);
  const [first] = problems;
  if (read !== undefined && first === undefined) return read;
  throw ociError('OCI_BAD_INPUT', `${file}: ${first?.at ?? 'resources'} ${first?.why ?? 'is not valid'}`, {
    subject: file,
  });
}

function write(path: string, data: string): string | undefined {
  try {
    writeFileSync(path, data);
    return undefined;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    return errno;
  }
}

/** What one limit forbids another allows once that is written: memory and memory with swap, raised or lowered. */
function writeAll(dir: string, list: readonly LimitWrite[], id: string): void {
  const failed = list.filter(({ file, data }) => write(`${dir}/${file}`, data) !== undefined);
  for (const { file, data, why } of failed) {
    const errno = write(`${dir}/${file}`, data);
    if (errno !== undefined)
      throw ociError(
        'OCI_UPDATE_FAILED',
        `cannot update container "${id}": ${file} = ${data} (${why}): ${errno}`,
        {
          subject: file,
          remedy: errno === 'EBUSY' ? 'more is in use already' : 'check the value',
        },
      );
  }
}

/** Cores, nodes and devices only where they were asked for: the writers also give defaults, for a new cgroup. */
function asked({ file }: LimitWrite, resources: Resources): boolean {
  if (file === 'cpuset.cpus') return resources.cpu?.cpus !== undefined;
  if (file === 'cpuset.mems') return resources.cpu?.mems !== undefined;
  return !file.startsWith('devices.') || (resources.devices ?? []).length > 0;
}

function apply(record: OciRecord, resources: Resources): void {
  const host = cgroups();
  const limits = limitsOf(resources);
  // Facts of its parent's place: the container's own is busy, and that is right.
  const { facts } = cgroupFacts(`${record.cgroupPath}/.none`);
  if (host.version === 2) {
    writeAll(`${host.v2 ?? ''}/${record.cgroupPath}`, limitsV2(limits, facts), record.id);
    return;
  }
  for (const h of host.v1) {
    const list = limitsV1(h.controllers, limits, facts).filter((one) => asked(one, resources));
    writeAll(`${h.mount}/${record.cgroupPath}`, list, record.id);
  }
}

/** `update`: other limits for a container that is there. Throws OCI_WRONG_STATE, OCI_BAD_INPUT, OCI_UPDATE_FAILED. */
export function update(runtime: OciRuntime, id: string, flags: UpdateFlags): void {
  const { record, status } = findMade(runtime, id);
  const resources = flags.file === undefined ? flags.resources : readResources(flags.file);
  if (status === 'stopped')
    throw ociError('OCI_WRONG_STATE', `cannot update container "${id}": it has stopped`, { subject: id });
  apply(record, resources);
}
