import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { errnoOf, MydockerError, writeAtomic } from '../base/index.ts';
import { readIfThere } from './atomic.ts';
import { idOfName } from './names.ts';
import { containerDir, type Paths, runDir } from './paths.ts';
import { isExit, isRecord, isState } from './record-check.ts';
import type { RecordedIsolation, RecordedMount, RecordedResources } from './record-types.ts';

/** container.json: what the container is, decided when it was created. Only a rename writes it again. */
export interface ContainerRecord {
  version: 1;
  id: string;
  name: string;
  createdAtMs: number;
  image: string;
  imageId: string;
  /** Unpacked layers, newest first. */
  layers: string[];
  entrypoint: string[];
  cmd: string[];
  env: string[];
  workdir: string;
  user: string;
  tty: boolean;
  stdin: boolean;
  hostname: string;
  stopSignal: string;
  stopTimeoutS: number;
  labels: Record<string, string>;
  init: boolean;
  readOnly: boolean;
  autoRemove: boolean;
  /** 'none', 'host', 'container:<id>', or the name of its first network: then network.json says more. */
  network: string;
  networking?: RecordedNetworking;
  mounts: RecordedMount[];
  /** As ContainerSpec has them. */
  dns?: string[];
  dnsSearch?: string[];
  dnsOptions?: string[];
  egress?: string[] | 'any';
  resources: RecordedResources;
  /** Absent: everything as usual. */
  isolation?: RecordedIsolation;
  /** "CAP_CHOWN" …; absent: the default ones. */
  capabilities?: string[];
  /** As they were asked for, for `inspect`. */
  capAdd?: string[];
  capDrop?: string[];
  /** 'unconfined', or a compiled filter in base64; absent: the default filter. */
  seccomp?: string;
  noNewPrivileges?: boolean;
  /** `run`: whoever is between creating and starting it ("pid-startticks"). Should they die there, it never was. */
  startingOwner?: string;
}

/** How it reaches others, beside the networks themselves. */
export interface RecordedNetworking {
  publishAll?: boolean;
  /** "80/tcp": the image's and the user's. */
  exposed?: string[];
  extraHosts?: string[];
}

/** state.json, written by the monitor: there only while it lives. */
export interface RunState {
  status: string;
  id: string;
  bootId: string;
  pid: number;
  startTicks: number;
  monitorPid: number;
  monitorStartTicks: number;
  startedAt: string;
}

/** exit.json, written by the monitor when the program has ended, or by the sweep that found the monitor dead. */
export interface ExitRecord {
  exitCode: number;
  signal: number;
  oomKilled: boolean;
  finishedAt: string;
  note?: string;
}

export type Broken = { broken: string };

function parse<T>(json: string, path: string, check: (value: unknown) => value is T): T | Broken {
  try {
    const value: unknown = JSON.parse(json);
    if (check(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { broken: `${path} cannot be read: it is no valid record` };
}

/** The record of a container; undefined when there is none; Broken when its file is damaged. */
export function readRecord(paths: Paths, id: string): ContainerRecord | Broken | undefined {
  const path = `${containerDir(paths, id)}/container.json`;
  let text: string | undefined;
  try {
    text = readIfThere(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOTDIR') return undefined;
    if (errno === undefined) throw error;
    return { broken: `${path} cannot be read: ${errno}` };
  }
  return text === undefined
    ? undefined
    : parse(text, path, (value): value is ContainerRecord => isRecord(value) && value.id === id);
}

/** What the monitor wrote; undefined when there is none; Broken when its file is damaged. */
export function readState(paths: Paths, id: string): RunState | Broken | undefined {
  const path = `${runDir(paths, id)}/state.json`;
  const text = readIfThere(path);
  return text === undefined ? undefined : parse(text, path, isState);
}

/** A directory of that name is no record: the monitor could not write one there, and left a note elsewhere. */
function exitText(path: string): string | undefined {
  try {
    return readIfThere(path);
  } catch (error) {
    if (errnoOf(error) === 'EISDIR') return undefined;
    throw error;
  }
}

function parseExit(path: string): ExitRecord | undefined {
  const text = exitText(path);
  if (text === undefined) return undefined;
  const exit = parse(text, path, isExit);
  return 'broken' in exit
    ? { exitCode: 255, signal: 0, oomKilled: false, finishedAt: '', note: exit.broken }
    : exit;
}

export function readExit(paths: Paths, id: string): ExitRecord | undefined {
  return parseExit(`${containerDir(paths, id)}/exit.json`);
}

/** What the monitor left in the run directory because it could not write exit.json. */
export function readExitNote(paths: Paths, id: string): ExitRecord | undefined {
  return parseExit(`${runDir(paths, id)}/exit.json`);
}

/** Room on the disk for exit.json, kept while a container runs; there from its start until how it ended is written. */
function keptRoom(paths: Paths, id: string): string {
  return `${containerDir(paths, id)}/exit.json.new`;
}

/** True once its program was started, however that ended; not for --rm. */
export function wasStarted(paths: Paths, id: string): boolean {
  // In this order: the one becomes the other by a rename.
  return existsSync(keptRoom(paths, id)) || existsSync(`${containerDir(paths, id)}/exit.json`);
}

/** Writes how a container ended; on a full disk too, if its monitor kept room for it. */
export function writeExit(paths: Paths, id: string, exit: ExitRecord): void {
  try {
    putExit(paths, id, exit);
  } catch (error) {
    // A directory is no record of anybody's, and must not keep every command from going on.
    if (errnoOf(error) !== 'EISDIR') throw error;
    rmSync(`${containerDir(paths, id)}/exit.json`, { recursive: true });
    putExit(paths, id, exit);
  }
}

function putExit(paths: Paths, id: string, exit: ExitRecord): void {
  const path = `${containerDir(paths, id)}/exit.json`;
  const text = `${JSON.stringify(exit)}\n`;
  const room = keptRoom(paths, id);
  if (!existsSync(room)) {
    writeAtomic(path, text, { sync: false });
    return;
  }
  const fd = openSync(room, 'r+');
  try {
    writeSync(fd, text, 0);
    ftruncateSync(fd, Buffer.byteLength(text));
  } finally {
    closeSync(fd);
  }
  renameSync(room, path);
}

export function writeRecord(directory: string, record: ContainerRecord, sync: boolean, unseen = false): void {
  writeAtomic(`${directory}/container.json`, `${JSON.stringify(record)}\n`, { sync, unseen });
}

/** Ids of all containers, in no order; without those still being made. */
export function listIds(paths: Paths): string[] {
  try {
    return readdirSync(`${paths.root}/containers`).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Finds a container by full id, name or unique id prefix. Throws NO_SUCH_CONTAINER or AMBIGUOUS, exit code 1. */
export function findContainer(paths: Paths, ref: string): string {
  const ids = listIds(paths);
  if (ids.includes(ref)) return ref;
  const named = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(ref) ? idOfName(paths, ref) : undefined;
  if (named !== undefined && ids.includes(named)) return named;
  const found = /^[0-9a-f]+$/.test(ref) ? ids.filter((id) => id.startsWith(ref)) : [];
  if (found.length === 1 && found[0] !== undefined) return found[0];
  if (found.length > 1) {
    throw new MydockerError('AMBIGUOUS', `${found.length} containers have an id that begins with "${ref}"`, {
      subject: ref,
      remedy: 'give more digits, or the name',
      exitCode: 1,
    });
  }
  throw new MydockerError('NO_SUCH_CONTAINER', `no such container: ${ref}`, {
    subject: ref,
    remedy: 'see all with: mydocker ps',
    exitCode: 1,
  });
}
