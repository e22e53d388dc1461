/** A client of a monitor that speaks the attach protocol by hand: it reads when told to, or never. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from './harness.ts';

export const FRAME = { stdin: 0, hello: 16, resize: 17, signal: 18, thaw: 21, exit: 32, answer: 34 } as const;
export const WANT_NOTHING = 0;
export const WANT_STDIN = 1;
export const WANT_OUTPUT = 6;
const KNOWN: readonly number[] = [1, 2, FRAME.exit, 33, FRAME.answer];

export class RawClient {
  /** Types of the frames read, in order. */
  readonly types: number[] = [];
  outputBytes = 0;
  exitCode: number | undefined;
  closed = false;
  private pending = Buffer.alloc(0);

  private constructor(readonly socket: Socket) {
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Connects without reading anything: `read()` begins. */
  static async open(host: Host, id: string, wants: number): Promise<RawClient> {
    // sun_path of unix(7) is shorter than the path of the socket.
    const link = `${mkdtempSync(`${host.root}/link-`)}/run`;
    symlinkSync(`${host.root}/run/${id}`, link);
    const socket = connect(`${link}/attach.sock`);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const client = new RawClient(socket);
    client.number(FRAME.hello, wants);
    return client;
  }

  send(type: number, data: Buffer): void {
    const head = Buffer.alloc(8);
    head[0] = type;
    head.writeUInt32BE(data.length, 4);
    this.socket.write(Buffer.concat([head, data]));
  }

  number(type: number, value: number): void {
    const data = Buffer.alloc(4);
    data.writeUInt32LE(value);
    this.send(type, data);
  }

  read(): void {
    this.socket.on('data', (chunk: Buffer) => this.take(chunk));
  }

  count(type: number): number {
    return this.types.filter((seen) => seen === type).length;
  }

  close(): void {
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.pending = Buffer.concat([this.pending, chunk]);
    while (this.pending.length >= 8) {
      const type = this.pending[0] ?? -1;
      const size = this.pending.readUInt32BE(4);
      assert.ok(KNOWN.includes(type) && size <= 8192, `no frame: type ${type}, ${size} bytes`);
      if (this.pending.length < 8 + size) return;
      this.types.push(type);
      if (type <= 2) this.outputBytes += size;
      if (type === FRAME.exit) this.exitCode = this.pending.readUInt32LE(8);
      this.pending = this.pending.subarray(8 + size);
    }
  }
}

/** The pid of a running container's monitor. */
export function monitorOf(host: Host, id: string): number {
  return JSON.parse(readFileSync(`${host.root}/run/${id}/state.json`, 'utf8')).monitorPid;
}

/** Processor time a process takes during a second, in milliseconds. */
export async function busyMs(pid: number): Promise<number> {
  const ticks = (): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ');
    return Number(fields[13]) + Number(fields[14]);
  };
  const before = ticks();
  await sleep(1000);
  return (ticks() - before) * 10;
}
