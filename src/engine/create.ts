import { renameSync, rmSync } from 'node:fs';
import { badInput, late, MydockerError } from '../base/index.ts';
import type { ResolvedImage } from '../image/index.ts';
import {
  type ContainerRecord,
  containerDir,
  creationName,
  fileVersion,
  ownMark,
  releaseName,
  takeName,
  type Wiring,
  writeRecord,
  writeWiring,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { hostnameOf, joinsOf, networkingRecord, networkMode } from './join.ts';
import { isWired, unplug } from './joined.ts';
import { areMadeByStart, writeNameFiles } from './name-files.ts';
import { makeName } from './names.ts';
import { makeContainerDir, newId } from './new-dirs.ts';
import type { Prepared } from './prepare.ts';
import type { Ready } from './ready.ts';
import { namesOf } from './resolver.ts';
import { signalNumber } from './signals.ts';
import { stateError } from './state-error.ts';
import type { ContainerSpec } from './types.ts';

const wireRoom = late(() => import('./wire.ts'));
const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Later entries win; nothing of the caller's own environment is ever in it. */
export function mergeEnv(...lists: ReadonlyArray<readonly string[]>): string[] {
  const merged = new Map<string, string>();
  for (const entry of lists.flat()) {
    const equals = entry.indexOf('=');
    merged.set(equals < 0 ? entry : entry.slice(0, equals), entry);
  }
  return [...merged.values()];
}

function checkSpec(spec: ContainerSpec): void {
  if (spec.name !== undefined && !NAME.test(spec.name)) {
    throw badInput(`invalid container name "${spec.name}"`, {
      subject: spec.name,
      remedy: 'use letters, digits, "_", "." and "-", two characters at least, a letter or digit first',
    });
  }
  if (spec.stopSignal !== undefined) signalNumber(spec.stopSignal);
  for (const text of [...(spec.command ?? []), ...(spec.entrypoint ?? []), ...(spec.env ?? [])]) {
    if (text.includes('\0'))
      throw badInput('an argument or variable contains a NUL byte', {
        remedy: 'remove it: the kernel ends strings there',
      });
  }
}

/** Spec and image config merged: the image's Cmd is dropped when an entrypoint is given, as Docker does. */
export function recordOf(
  core: Core,
  spec: ContainerSpec,
  image: ResolvedImage,
  id: string,
  name: string,
  prepared: Prepared,
): ContainerRecord {
  checkSpec(spec);
  const { config } = image;
  const entrypoint = spec.entrypoint ?? config.Entrypoint ?? [];
  const cmd = spec.command ?? (spec.entrypoint === undefined ? (config.Cmd ?? []) : []);
  if (entrypoint.length + cmd.length === 0) {
    throw badInput(`the image ${image.reference || image.id} names no command, and none was given`, {
      remedy: 'add a command after the image',
    });
  }
  const network = networkMode(core, spec, joinsOf(core, spec));
  const hostname = spec.hostname ?? hostnameOf(core, network) ?? id.slice(0, 12);
  const own = [`HOSTNAME=${hostname}`, ...(spec.tty ? ['TERM=xterm'] : [])];
  return {
    version: 1,
    id,
    name,
    createdAtMs: Date.now(),
    image: spec.image ?? core.defaultImage,
    imageId: image.id,
    layers: image.layers,
    entrypoint: [...entrypoint],
    cmd: [...cmd],
    env: mergeEnv([DEFAULT_PATH], own, config.Env ?? [], spec.env ?? []),
    workdir: spec.workdir ?? config.WorkingDir ?? '',
    user: spec.user ?? config.User ?? '',
    tty: spec.tty ?? false,
    stdin: spec.stdin ?? false,
    hostname,
    stopSignal: spec.stopSignal ?? config.StopSignal ?? 'SIGTERM',
    stopTimeoutS: spec.stopTimeoutS ?? 10,
    labels: { ...config.Labels, ...spec.labels },
    init: spec.init ?? false,
    readOnly: spec.readOnly ?? false,
    autoRemove: spec.autoRemove ?? false,
    network,
    ...networkingRecord(spec, config),
    mounts: prepared.mounts,
    resources: prepared.resources,
    ...(prepared.isolation === undefined ? {} : { isolation: prepared.isolation }),
    ...prepared.security,
    ...namesOf(spec),
  };
}

function fillDirectory(
  core: Core,
  directory: string,
  record: ContainerRecord,
  wiring: Wiring | undefined,
): void {
  if (!areMadeByStart(record)) writeNameFiles(core.paths, directory, record, wiring);
  if (wiring !== undefined) writeWiring(directory, wiring, true);
  // A container that is removed when it ends need not survive a power cut; the others are written through.
  writeRecord(directory, record, !record.autoRemove, true);
}

function pickName(core: Core, wanted: string | undefined, id: string): string {
  if (wanted !== undefined) {
    takeName(core.paths, wanted, id);
    return wanted;
  }
  for (let attempt = 0; ; attempt++) {
    const name = makeName(attempt);
    try {
      takeName(core.paths, name, id);
      return name;
    } catch (error) {
      if (!(error instanceof MydockerError) || error.code !== 'NAME_IN_USE' || attempt > 8) throw error;
    }
  }
}

/** A container that was just made, and which file its record is. */
export interface Created {
  record: ContainerRecord;
  version: string;
}

/**
 * Creates a container: its directory appears whole, by rename, or not at all.
 * `starting`: the caller goes on to start it, and if it dies before that, the container never was. `ready`: its directory,
 * where that has been made beforehand.
 */
export async function createContainer(
  core: Core,
  spec: ContainerSpec,
  image: ResolvedImage,
  prepared: Prepared,
  starting: boolean,
  ready?: Ready,
): Promise<Created> {
  const id = ready?.containerId ?? newId();
  const draft = recordOf(core, spec, image, id, spec.name ?? '', prepared);
  const holding = draft.mounts.some((m) => m.type === 'volume') || draft.isolation?.userBlock !== undefined;
  const claims = holding ? await import('./claims.ts') : undefined;
  const wires = isWired(draft.network) ? await wireRoom() : undefined;
  let name: string | undefined;
  let wiring: Wiring | undefined;
  let version: string;
  // From here on what was made beforehand is ours to give back.
  const made = ready?.takeContainer();
  const staging = made?.staging ?? `${core.root}/containers/${creationName(id)}`;
  try {
    // The staging directory first: it shows other processes that the name's owner lives.
    if (made === undefined) makeContainerDir(staging);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    throw stateError(core, error);
  }
  let record: ContainerRecord = draft;
  try {
    name = pickName(core, spec.name, id);
    record = { ...draft, name, ...(starting ? { startingOwner: ownMark() } : {}) };
    if (claims !== undefined) record = claims.takeClaims(core, record, spec.mounts ?? []);
    wiring = wires?.wire(core, spec, record);
    fillDirectory(core, staging, record, wiring);
    version = fileVersion(`${staging}/container.json`);
    renameSync(staging, containerDir(core.paths, id));
  } catch (error) {
    for (const endpoint of wiring?.endpoints ?? []) unplug(core, id, endpoint);
    const doomed = claims?.giveBack(core, id, record, true) ?? [];
    if (name !== undefined) releaseName(core.paths, name, id);
    for (const directory of [staging, ...doomed]) rmSync(directory, { recursive: true, force: true });
    throw stateError(core, error);
  }
  if (claims !== undefined) await claims.fillVolumes(core, record).catch(undo(core, record));
  return { record, version };
}

/** A container whose volumes could not be filled never was. */
function undo(core: Core, record: ContainerRecord): (error: unknown) => Promise<never> {
  return async (error) => {
    await (await import('./remove.ts')).discardContainer(core, record.id, record.name);
    throw error;
  };
}
