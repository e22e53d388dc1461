import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { errnoName, MydockerError } from '../base/index.ts';
import { decodeEnding, decodeFailure, type Ending, type Failure } from './report.ts';

/*
 * The attach protocol, between a client and a container's monitor, over <run dir>/attach.sock.
 * Both directions: u8 type | 3 zero bytes | u32 length (big-endian) | data: Docker's stream header, so that
 * output frames can be handed to Docker's clients as they are. The other side is native/clients.c.
 *
 *   to the monitor    0 stdin  16 hello (u32 wants; answered only to be refused)  17 resize (u16 rows, u16 columns)  18 signal (u32)
 *                     19 end of stdin  20 freeze  21 thaw  22 pause  23 unpause
 *                     24 read the plan file anew
 *   from the monitor  1 stdout  2 stderr  32 exit (u32 code, u32 signal, u32 oom)  33 failed (failure payload)
 *                     34 answer (u32 type it answers, u32 errno)
 * Numbers inside data are little-endian, as in the plan.
 */
const TYPE = {
  stdin: 0,
  hello: 16,
  resize: 17,
  signal: 18,
  eof: 19,
  freeze: 20,
  thaw: 21,
  pause: 22,
  unpause: 23,
  renew: 24,
  exit: 32,
  failed: 33,
  answer: 34,
};
const HEADER_BYTES = 8;
/** sun_path of unix(7) holds 107 bytes and a NUL. */
const SUN_PATH_BYTES = 107;

/** Output kept for a client that does not listen yet. */
const EARLY_BYTES = 1024 * 1024;

/** What a client asks for with its first frame. */
export const WANTS = { stdin: 1, stdout: 2, stderr: 4, release: 8, end: 16 } as const;

/**
 * How an attachment ended: the program ended, could not be started, the connection is gone (detached), or there never was
 * room for one more that watches.
 */
export type AttachEnd = { ending: Ending } | { failure: Failure } | { lost: true } | { full: true };

function frame(type: number, data: Uint8Array): Buffer {
  const out = Buffer.alloc(HEADER_BYTES + data.length);
  out[0] = type;
  out.writeUInt32BE(data.length, 4);
  out.set(data, HEADER_BYTES);
  return out;
}

function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value >>> 0);
  return out;
}

/** One client of a monitor. */
export class AttachClient {
  private pending: Buffer = Buffer.alloc(0);
  private answers: Array<{ resolve: () => void; reject: (error: Error) => void }> = [];
  private outputListener: ((stream: 1 | 2, data: Buffer) => void) | undefined;
  /** What came before anybody listened: a program may print while its client is still being set up. */
  private early: Array<{ stream: 1 | 2; data: Buffer }> = [];
  private earlyBytes = 0;
  private settle: (end: AttachEnd) => void = () => {};
  /** Resolves once; never rejects. */
  readonly end: Promise<AttachEnd>;

  private constructor(private readonly socket: Socket) {
    this.end = new Promise((resolve) => {
      this.settle = resolve;
    });
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', () => this.finish({ lost: true }));
    socket.on('close', () => this.finish({ lost: true }));
  }

  /** Connects; rejects with the system error (ENOENT, ECONNREFUSED) when no monitor listens. */
  static async connect(path: string, wants: number): Promise<AttachClient> {
    const net = await import('node:net');
    // A long path is reached through its directory's descriptor.
    const directory = path.length > SUN_PATH_BYTES ? openSync(path.slice(0, path.lastIndexOf('/')), 'r') : -1;
    const short = directory < 0 ? path : `/proc/self/fd/${directory}${path.slice(path.lastIndexOf('/'))}`;
    try {
      const socket = await new Promise<Socket>((resolve, reject) => {
        const s = net.connect(short);
        s.once('connect', () => resolve(s));
        s.once('error', reject);
      });
      socket.removeAllListeners('error');
      const client = new AttachClient(socket);
      socket.write(frame(TYPE.hello, u32(wants)));
      return client;
    } finally {
      if (directory >= 0) closeSync(directory);
    }
  }

  private finish(end: AttachEnd): void {
    this.settle(end);
    for (const answer of this.answers.splice(0))
      answer.reject(new MydockerError('MONITOR_GONE', 'the container has ended'));
    this.socket.destroy();
  }

  private receive(chunk: Buffer): void {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    for (;;) {
      if (this.pending.length < HEADER_BYTES) return;
      const size = this.pending.readUInt32BE(4);
      if (this.pending.length < HEADER_BYTES + size) return;
      const type = this.pending[0] ?? 0;
      const data = this.pending.subarray(HEADER_BYTES, HEADER_BYTES + size);
      this.pending = this.pending.subarray(HEADER_BYTES + size);
      this.handle(type, data);
    }
  }

  private handle(type: number, data: Buffer): void {
    if (type === 1 || type === 2) this.output(type, data);
    else if (type === TYPE.exit) this.finish({ ending: decodeEnding(data) });
    else if (type === TYPE.failed) this.finish({ failure: decodeFailure(data) });
    else if (type === TYPE.answer) {
      const errno = data.readUInt32LE(4);
      if (data.readUInt32LE(0) === TYPE.hello) {
        this.finish({ full: true });
        return;
      }
      const answer = this.answers.shift();
      if (errno === 0) answer?.resolve();
      else
        answer?.reject(
          new MydockerError('MONITOR_REFUSED', `the monitor answered ${errnoName(errno)}`, {
            errno: errnoName(errno),
          }),
        );
    }
  }

  private ask(type: number, data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.answers.push({ resolve, reject });
      this.socket.write(frame(type, data));
    });
  }

  onOutput(listener: (stream: 1 | 2, data: Buffer) => void): void {
    this.outputListener = listener;
    for (const { stream, data } of this.early.splice(0)) listener(stream, data);
  }
  private output(stream: 1 | 2, data: Buffer): void {
    if (this.outputListener !== undefined) this.outputListener(stream, data);
    else if (this.earlyBytes < EARLY_BYTES) {
      // Who never listens does not want it.
      this.early.push({ stream, data: Buffer.from(data) });
      this.earlyBytes += data.length;
    }
  }
  onDrain(listener: () => void): void {
    this.socket.on('drain', listener);
  }
  /** False: wait for drain. */
  write(data: Uint8Array): boolean {
    return this.socket.write(frame(TYPE.stdin, data));
  }
  endInput(): void {
    this.socket.write(frame(TYPE.eof, new Uint8Array(0)));
  }
  /** Resolves when the monitor has sent it, through the pidfd of its child. */
  signal(signal: number): Promise<void> {
    return this.ask(TYPE.signal, u32(signal));
  }
  resize(rows: number, cols: number): Promise<void> {
    return this.ask(TYPE.resize, u32((rows & 0xffff) | ((cols & 0xffff) << 16)));
  }
  /** Holds until thaw() or until this connection ends, however it ends. */
  freeze(): Promise<void> {
    return this.ask(TYPE.freeze, new Uint8Array(0));
  }
  /** Ends its freeze. Without one: thaws whatever keeps the container frozen, a pause too. */
  thaw(): Promise<void> {
    return this.ask(TYPE.thaw, new Uint8Array(0));
  }
  /** Frozen until unpauseContainer(), whoever is connected. Rejects with errno EALREADY when it is so already. */
  pauseContainer(): Promise<void> {
    return this.ask(TYPE.pause, new Uint8Array(0));
  }
  unpauseContainer(): Promise<void> {
    return this.ask(TYPE.unpause, new Uint8Array(0));
  }
  /** Its plan file was replaced: the ports of that are held, its undo steps are those of the end. Rejects: as before. */
  renewPlan(): Promise<void> {
    return this.ask(TYPE.renew, new Uint8Array(0));
  }
  pause(): void {
    this.socket.pause();
  }
  resume(): void {
    this.socket.resume();
  }
  /** Leaves; the program goes on. */
  close(): void {
    this.finish({ lost: true });
  }
  /** Lets the process end while this is open. */
  unref(): void {
    this.socket.unref();
  }
}
