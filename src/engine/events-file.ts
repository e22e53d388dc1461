import { closeSync, constants, openSync, statSync, writeSync } from 'node:fs';
import { errnoOf, randomHex } from '../base/index.ts';
import { type Step, steps } from '../plan/index.ts';
import type { ContainerRecord, Paths } from '../storage/index.ts';
import type { EngineEvent } from './event-types.ts';

/*
 * <root>/events.jsonl: one JSON object a line, each written whole by one write(2) to a descriptor opened with O_APPEND,
 * so that any number of processes and monitors can tell what they do. Who finds it grown long renames it to
 * events.jsonl.1 (events-trim.ts). Drawn here and in native/events.c.
 */
export function eventsFile(paths: Paths): string {
  return `${paths.root}/events.jsonl`;
}

/** Two files of this size are kept: some 60,000 events. */
export const MOST_EVENT_BYTES = 8 * 1024 * 1024;

export function sizeOfEvents(paths: Paths): number {
  return statSync(eventsFile(paths), { throwIfNoEntry: false })?.size ?? 0;
}

/** Room that a monitor has for a container's attributes beside the rest. */
const MOST_ATTRIBUTES_BYTES = 3000;

function attributesOf(record: ContainerRecord): Record<string, string> {
  const own = { image: record.image, name: record.name };
  const all = { ...record.labels, ...own };
  return Buffer.byteLength(JSON.stringify(all)) > MOST_ATTRIBUTES_BYTES ? own : all;
}

/** What the monitor tells of a container. `fresh`: this very run made it. */
export function planEvents(paths: Paths, record: ContainerRecord, fresh: boolean): Step[] {
  return steps('host', {
    op: 'events',
    path: eventsFile(paths),
    id: record.id,
    attributes: JSON.stringify(attributesOf(record)).slice(1, -1),
    started: fresh ? 'create start' : 'start',
    ended: 'die',
    gone: record.autoRemove ? 'destroy' : '',
    why: 'for `events`: written when the program runs and when it has ended, whoever looks',
  });
}

/** The same for one more program in it. */
export function planExecEvents(paths: Paths, record: ContainerRecord, command: readonly string[]): Step[] {
  const attributes = { ...attributesOf(record), execID: randomHex(32), command: cut(command.join(' ')) };
  return steps('host', {
    op: 'events',
    path: eventsFile(paths),
    id: record.id,
    attributes: JSON.stringify(attributes).slice(1, -1),
    started: 'exec_create exec_start',
    ended: 'exec_die',
    gone: '',
    why: 'for `events`: written when the program runs and when it has ended',
  });
}

const cut = (text: string): string => (text.length > 100 ? `${text.slice(0, 99)}…` : text);

type Told = Pick<EngineEvent, 'type' | 'action' | 'id'> & { attributes?: Readonly<Record<string, string>> };

/** Tells what this process did. Never fails: a full disk must not undo what is done already. */
export function recordEvent(paths: Paths, told: Told): void {
  // The kernel's clock has nanoseconds, JavaScript's milliseconds.
  const time = new Date().toISOString().replace('Z', '000000Z');
  const { type, action, id, attributes = {} } = told;
  const line = Buffer.from(`${JSON.stringify({ time, type, action, id, attributes })}\n`);
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
  try {
    const fd = openSync(eventsFile(paths), O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY, 0o600);
    try {
      writeSync(fd, line);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

/** The same for a container. */
export function recordContainerEvent(
  paths: Paths,
  record: ContainerRecord,
  action: string,
  more: Readonly<Record<string, string>> = {},
): void {
  recordEvent(paths, {
    type: 'container',
    action,
    id: record.id,
    attributes: { ...more, ...attributesOf(record) },
  });
}
