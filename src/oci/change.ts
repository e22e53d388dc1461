import { readFileSync, writeFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { freezer, type OciRuntime } from './runtime.ts';
import { findMade } from './state.ts';
import { type OciRecord, ociError, sleep } from './store.ts';

const FREEZE_MS = 10_000;

/** Writes the freezer's file and waits until the kernel says that it is so. v1 may need to be asked again. */
async function setFrozen(record: OciRecord, wanted: boolean): Promise<void> {
  const how = freezer(record);
  if (how === undefined)
    throw ociError('OCI_NO_FREEZER', 'cannot pause: this host has no freezer cgroup controller', {
      remedy: 'mount it, or use cgroup v2',
    });
  for (const until = Date.now() + FREEZE_MS; Date.now() < until; await sleep(2)) {
    writeFileSync(how.file, wanted ? how.freeze : how.thaw);
    if (how.frozen.test(readFileSync(how.shows, 'latin1')) === wanted) return;
  }
  if (wanted) writeFileSync(how.file, how.thaw);
  throw ociError(
    'OCI_FREEZE',
    `cannot ${wanted ? 'pause' : 'resume'} container "${record.id}": its processes do not ${wanted ? 'stop' : 'go on'}`,
    {
      subject: record.id,
    },
  );
}

/** `pause`: freezes every process of a running container. */
export async function pause(runtime: OciRuntime, id: string): Promise<void> {
  const { record, status } = findMade(runtime, id);
  if (status !== 'running' && status !== 'created')
    throw ociError('OCI_WRONG_STATE', `cannot pause container "${id}": it is ${status}`, { subject: id });
  await setFrozen(record, true);
}

/** `resume`: lets them go on. */
export async function resume(runtime: OciRuntime, id: string): Promise<void> {
  const { record, status } = findMade(runtime, id);
  if (status !== 'paused')
    throw ociError('OCI_WRONG_STATE', `cannot resume container "${id}": it is not paused but ${status}`, {
      subject: id,
    });
  await setFrozen(record, false);
}

/** A number in one of the cgroup's files; undefined when this host has no such file. */
export function readNumber(path: string): number | undefined {
  try {
    const text = readFileSync(path, 'latin1').trim();
    return text === 'max' ? 2 ** 63 : Number(text.split(/\s/)[0]);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
