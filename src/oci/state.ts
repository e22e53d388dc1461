import { existsSync, readFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { freezer, type OciRuntime } from './runtime.ts';
import { checkId, Entry, entries, noSuch, type OciRecord, type Status } from './store.ts';

/** What `state` prints (runtime.md § State), with what runc adds. */
export interface State {
  ociVersion: string;
  id: string;
  pid: number;
  status: Status;
  bundle: string;
  rootfs: string;
  created: string;
  annotations?: Readonly<{ [name: string]: string }>;
  owner: string;
}

/** True when the container's processes are frozen. */
export function isFrozen(record: OciRecord): boolean {
  const how = freezer(record);
  if (how === undefined) return false;
  try {
    return how.frozen.test(readFileSync(how.shows, 'latin1'));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

/** A container, looked up. Throws OCI_BAD_ID, OCI_NO_SUCH_CONTAINER. */
export function find(
  runtime: OciRuntime,
  id: string,
): { entry: Entry; record: OciRecord | undefined; status: Status } {
  const entry = new Entry(runtime.root, checkId(id));
  if (!existsSync(entry.dir)) throw noSuch(id);
  const record = entry.record();
  return { entry, record, status: entry.status(record, isFrozen) };
}

/** The same for what needs a process: one that is only being made has none. */
export function findMade(
  runtime: OciRuntime,
  id: string,
): { entry: Entry; record: OciRecord; status: Status } {
  const { entry, status } = find(runtime, id);
  return { entry, record: entry.made(), status };
}

function stateText(entry: Entry, record: OciRecord | undefined, status: Status): State {
  return {
    ociVersion: record?.ociVersion ?? '1.2.0',
    id: entry.id,
    pid: status === 'stopped' ? 0 : (record?.pid ?? 0),
    status,
    bundle: record?.bundle ?? '',
    rootfs: record?.rootfs ?? '',
    created: record?.created ?? '',
    ...(record?.annotations === undefined ? {} : { annotations: record.annotations }),
    owner: 'root',
  };
}

/** The state of one container. */
export function state(runtime: OciRuntime, id: string): State {
  const { entry, record, status } = find(runtime, id);
  return stateText(entry, record, status);
}

/** All containers of the root. One that goes while it is looked at is left out. */
export function list(runtime: OciRuntime): State[] {
  return entries(runtime.root).flatMap((entry): State[] => {
    try {
      const record = entry.record();
      return [stateText(entry, record, entry.status(record, isFrozen))];
    } catch (error) {
      if (!existsSync(entry.dir)) return [];
      throw error;
    }
  });
}
