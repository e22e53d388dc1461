import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';

/*
 * Below the runtime's root, one directory for each container, made exclusively:
 *   plan          the encoded plan: its undos are what `delete` does
 *   config.json   as it was when the container was created; later changes of the bundle's have no effect (runtime.md)
 *   state.json    the record: written by the shim when there is a process
 *   steps.json    the steps after `start`, by number: the words for what fails there
 *   start.fifo    while it waits for `start`; said.fifo: where it answers
 */

/** What state.json holds. */
export interface OciRecord {
  ociVersion: string;
  id: string;
  bundle: string;
  rootfs: string;
  /** RFC 3339. */
  created: string;
  bootId: string;
  annotations?: Readonly<{ [name: string]: string }>;
  /** Below each hierarchy's root. */
  cgroupPath: string;
  pid: number;
  /** Field 22 of /proc/PID/stat: the same number may be another process by now. */
  startTicks: number;
}

export type Status = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

/** An error as runc has them: every one ends the command with 1. */
export function ociError(
  code: string,
  message: string,
  facts: { subject?: string; remedy?: string } = {},
): MydockerError {
  return new MydockerError(code, message, { exitCode: 1, ...facts });
}

const ID = /^[A-Za-z0-9_+.-]{1,1024}$/;

/** Refuses what could not be a directory's name. */
export function checkId(id: string): string {
  if (ID.test(id) && id !== '.' && id !== '..') return id;
  throw ociError('OCI_BAD_ID', `the container id ${JSON.stringify(id)} is invalid`, {
    subject: id,
    remedy: 'use letters, digits, and the characters _ + - .',
  });
}

export function noSuch(id: string): MydockerError {
  return ociError('OCI_NO_SUCH_CONTAINER', `container "${id}" does not exist`, {
    subject: id,
    remedy: 'see what is there with: mydocker oci list',
  });
}

let boot: string | undefined;
export function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return boot;
}

/** /proc/PID/stat of a process: its state letter and start time; undefined when it is gone. */
function procStat(pid: number): { state: string; startTicks: number } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ESRCH') return undefined;
    throw error;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTicks: Number(fields[19]) };
}

/** One container's directory. */
export class Entry {
  readonly dir: string;

  constructor(
    root: string,
    readonly id: string,
  ) {
    this.dir = `${root}/${id}`;
  }

  /** The record; undefined while the container is being created. Throws OCI_NO_SUCH_CONTAINER. */
  record(): OciRecord | undefined {
    try {
      return JSON.parse(readFileSync(`${this.dir}/state.json`, 'utf8')) as OciRecord;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      if (existsSync(this.dir)) return undefined;
      throw noSuch(this.id);
    }
  }

  /** The record of a container that has got that far. */
  made(): OciRecord {
    const record = this.record();
    if (record !== undefined) return record;
    throw ociError('OCI_CREATING', `container "${this.id}" is still being created`, { subject: this.id });
  }

  /** True while its process 1 lives; a zombie has ended. */
  alive(record: OciRecord): boolean {
    if (record.bootId !== bootId()) return false;
    const stat = procStat(record.pid);
    return (
      stat !== undefined && stat.startTicks === record.startTicks && stat.state !== 'Z' && stat.state !== 'X'
    );
  }

  /** Where it is in its life, runtime.md § State. `frozen` is asked only of one that runs. */
  status(record: OciRecord | undefined, frozen: (record: OciRecord) => boolean): Status {
    if (record === undefined) return 'creating';
    if (!this.alive(record)) return 'stopped';
    if (existsSync(`${this.dir}/start.fifo`)) return 'created';
    return frozen(record) ? 'paused' : 'running';
  }
}

function makeRoot(root: string): void {
  // A plain run need not ask for what is there already.
  if (!existsSync(root)) mkdirSync(root, { recursive: true, mode: 0o711 });
}

/** Makes a container's directory: of two creates with one id, one wins. */
export function claim(root: string, id: string): Entry {
  checkId(id);
  const entry = new Entry(root, id);
  try {
    makeRoot(root);
    mkdirSync(entry.dir, { mode: 0o711 });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EEXIST' && existsSync(entry.dir))
      throw ociError('OCI_ID_TAKEN', `container with given ID already exists: ${id}`, {
        subject: id,
        remedy: `choose another id, or remove it: mydocker oci delete ${id}`,
      });
    if (errno === undefined) throw error;
    throw ociError('OCI_ROOT', `cannot keep containers in ${root}: ${errno}`, {
      subject: root,
      remedy: 'give a directory that can be written with --root',
    });
  }
  return entry;
}

/** Gives a claim back that came to nothing. */
export function release(entry: Entry): void {
  rmSync(entry.dir, { recursive: true, force: true });
}

/** All containers below a root, by name. */
export function entries(root: string): Entry[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((item) => item.isDirectory() && ID.test(item.name))
      .map((item) => new Entry(root, item.name))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
