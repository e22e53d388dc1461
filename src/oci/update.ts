import { readFileSync, writeFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import {
  checkRareLimits,
  type LimitWrite,
  limitsOf,
  limitsV1,
  limitsV2,
  type Problem,
  type Resources,
  rareLimitsV1,
  resources as resourcesSchema,
} from '../runtime/bundle/index.ts';
import { readNumber } from './change.ts';
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
  checkRareLimits(host, resources);
  if (host.version === 2) {
    checkUpdateV2(record, resources);
    writeAll(`${host.v2 ?? ''}/${record.cgroupPath}`, limitsV2(limits, facts), record.id);
    return;
  }
  for (const h of host.v1) {
    const list = [
      ...limitsV1(h.controllers, limits, facts).filter((one) => asked(one, resources)),
      ...rareLimitsV1(h.controllers, resources),
    ];
    writeAll(`${h.mount}/${record.cgroupPath}`, list, record.id);
  }
}

/** What cgroup v2 cannot do, or would do by killing: config-linux.md § Memory, checkBeforeUpdate. */
function checkUpdateV2(record: OciRecord, { devices = [], memory = {} }: Resources): void {
  const refuse = (why: string): never => {
    throw ociError('OCI_UPDATE_FAILED', `cannot update container "${record.id}": ${why}`, {
      subject: record.id,
    });
  };
  if (devices.length > 0) refuse('on cgroup v2 the rules of its devices are set when it is created');
  const used = readNumber(`${cgroups().v2 ?? ''}/${record.cgroupPath}/memory.current`) ?? 0;
  const limit = memory.limit ?? -1;
  if (memory.checkBeforeUpdate === true && limit > 0 && limit < used)
    refuse(`it uses ${used} bytes of memory, more than the new limit (${limit})`);
}

/** `update`: other limits for a container that is there. Throws OCI_WRONG_STATE, OCI_BAD_INPUT, OCI_UPDATE_FAILED. */
export function update(runtime: OciRuntime, id: string, flags: UpdateFlags): void {
  const { record, status } = findMade(runtime, id);
  const resources = flags.file === undefined ? flags.resources : readResources(flags.file);
  if (status === 'stopped')
    throw ociError('OCI_WRONG_STATE', `cannot update container "${id}": it has stopped`, { subject: id });
  apply(record, resources);
}
