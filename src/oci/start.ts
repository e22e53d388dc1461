import { closeSync, constants, openSync, readFileSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import type { Step } from '../plan/index.ts';
import { type Config, poststartSteps, type StateText } from '../runtime/bundle/index.ts';
import { decodeFailure, stepError } from '../shim/index.ts';
import { noProcess } from './create.ts';
import { loadKept } from './load.ts';
import { type OciRuntime, runSteps, takeBack } from './runtime.ts';
import { findMade } from './state.ts';
import { type Entry, type OciRecord, ociError, sleep } from './store.ts';

/** What the child writes when it fails after `start`: kind, step, errno, length of the note, then the note. */
const SYNC_HEAD = 16;
const NOTE_PATH = 4096;
const NOTE_HEAD = 1024;

/** Everything the waiting process says, until its execve or its end closes the pipe. */
async function answer(fd: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  const chunk = Buffer.alloc(8192);
  for (let wait = 0; ; ) {
    try {
      const n = readSync(fd, chunk);
      if (n === 0) return Buffer.concat(parts);
      parts.push(Buffer.from(chunk.subarray(0, n)));
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') throw error;
      await sleep(wait);
      wait = Math.min(20, wait + 1);
    }
  }
}

/** The failure in the form the shim's report has it: u32 step, u32 errno, u16 path length, path, head. */
function failureOf(said: Buffer) {
  const note = said.subarray(SYNC_HEAD);
  const path = note.subarray(0, NOTE_PATH);
  const end = path.indexOf(0);
  const text = path.subarray(0, end < 0 ? NOTE_PATH : end);
  const headBytes = note.length >= NOTE_PATH + NOTE_HEAD + 4 ? note.readUInt32LE(NOTE_PATH + NOTE_HEAD) : 0;
  const size = Buffer.alloc(2);
  size.writeUInt16LE(text.length);
  const head = note.subarray(NOTE_PATH, NOTE_PATH + Math.min(headBytes, NOTE_HEAD));
  return decodeFailure(Buffer.concat([said.subarray(4, 12), size, text, head]));
}

/** The step that failed, in the words of the plan it is from. */
function lateError(entry: Entry, said: Buffer): Error {
  const failure = failureOf(said);
  const late = JSON.parse(readFileSync(`${entry.dir}/steps.json`, 'utf8')) as Array<{
    index: number;
    step: Step;
  }>;
  const steps: Step[] = [];
  for (const { index, step } of late) steps[index] = step;
  return stepError(`cannot start container "${entry.id}"`, { steps }, failure);
}

/** The state with the process id in it, for hooks run by another process than its shim. */
export function stateOf(record: OciRecord, status: string): StateText {
  const { ociVersion, id, bundle, annotations, pid } = record;
  const json = JSON.stringify({
    ociVersion,
    id,
    status,
    pid,
    bundle,
    ...(annotations === undefined ? {} : { annotations }),
  });
  return { head: json, tail: '' };
}

async function poststart(
  runtime: OciRuntime,
  entry: Entry,
  record: OciRecord,
  config: Config,
): Promise<void> {
  const hooks = poststartSteps(config, record.bundle, stateOf(record, 'running'));
  if (hooks.length > 0) await runSteps(runtime, `cannot start container "${entry.id}"`, hooks);
}

function notCreated(id: string, status: string): Error {
  const why =
    status === 'stopped'
      ? 'cannot start a container that has stopped'
      : 'cannot start an already running container';
  return ociError('OCI_WRONG_STATE', `${why}: "${id}" is ${status}`, {
    subject: id,
    remedy:
      status === 'stopped'
        ? `remove it and create it again: mydocker oci delete ${id}`
        : 'nothing is to be done',
  });
}

/** `start`: lets the program of a created container run. Throws OCI_WRONG_STATE; the step that failed. */
export async function start(runtime: OciRuntime, id: string): Promise<void> {
  const { entry, record, status } = findMade(runtime, id);
  if (status !== 'created') throw notCreated(id, status);
  const config = loadKept(entry.dir);
  if (config.process === undefined) throw noProcess();
  const said = openSync(`${entry.dir}/said.fifo`, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    // Whoever removes it starts the container: of two starts at once, one.
    const go = openSync(`${entry.dir}/start.fifo`, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      unlinkSync(`${entry.dir}/start.fifo`);
      writeSync(go, 'g');
    } finally {
      closeSync(go);
    }
    const words = await answer(said);
    if (words.length >= SYNC_HEAD) throw lateError(entry, words);
  } catch (error) {
    const errno = errnoOf(error);
    // ENXIO: nobody reads any more, the process was killed.
    if (errno === 'ENXIO') throw notCreated(id, 'stopped');
    if (errno === 'ENOENT') throw notCreated(id, 'running');
    throw error;
  } finally {
    closeSync(said);
  }
  try {
    await poststart(runtime, entry, record, config);
  } catch (error) {
    // "stop the container, and continue the lifecycle at step 12": it is undone, poststop hooks and all.
    await takeBack(runtime, entry);
    throw error;
  }
}
