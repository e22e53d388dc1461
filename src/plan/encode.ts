import { MydockerError } from '../base/errors.ts';
import { type ArgKind, MAX_STEPS, OPS, PLAN_MAX_BYTES } from './ops.ts';
import type { Action, Plan, Section, Step } from './step.ts';
import { PLAN_VERSION } from './version.gen.ts';

/*
 * The plan on the wire; all integers little-endian. Drawn here, decoded in native/plan.c.
 *
 *   header  u32 magic "MDPL" | u32 version | u32 total bytes | u32 step count
 *           u32 flags | u32 index of the step that must fail (or 0xffffffff) | u32 errno it fails with
 *   step    u16 operation | u8 section | u8 has undo | u32 ignored errno | u32 bytes of arguments | arguments
 *           and, when it has one, its undo: u16 operation | u8 0 | u8 0 | u32 0 | u32 bytes | arguments
 *   args    u32, u64 as they are; str: u32 length, bytes, NUL; bytes: u32 length, bytes; strv: u32 count, then str
 */
const MAGIC = 0x4c50444d;
const HEADER_BYTES = 28;
const STEP_HEAD_BYTES = 12;

/** Header flags. */
export const PLAN_FLAGS = {
  /** The shim forks; the caller's child ends once the program has started. */
  detach: 1,
  /** Steps go on arriving after the header's own until end of file, each carried out at once. */
  stream: 2,
  /** No monitor: the shim ends once the program runs, or waits to be started. */
  leave: 4,
} as const;

/** errno numbers of what a step may ignore. */
export const IGNORED = { EPERM: 1, ENOENT: 2, EACCES: 13, EEXIST: 17, EINVAL: 22, EOPNOTSUPP: 95 } as const;

/** Content of at least this size is not copied into the buffer of the steps. */
const OWN_PIECE_BYTES = 16 * 1024;

/** What a step may ignore. */
export type IgnoredErrno = keyof typeof IGNORED;

export const SECTION_CODE: Record<Section, number> = { host: 0, 'host-after': 1, init: 2, started: 3 };

/** A fault to inject: step `index` fails with `errno` instead of being carried out. */
export interface Fault {
  readonly index: number;
  readonly errno: number;
}

/** FNV-1a over the operations table: both sides refuse a plan made with another table. Baked into version.gen.ts. */
export function planVersion(): number {
  let hash = 0x811c9dc5;
  const text = JSON.stringify(Object.entries(OPS).map(([name, row]) => [name, row.code, row.args]));
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/** Grows as needed; one allocation for most plans. */
class Writer {
  private buffer: Buffer;
  /** Where what was not taken yet begins. */
  private from = 0;
  length = 0;

  /** latin1: strings hold one byte in each character, as names from an archive do. */
  constructor(
    private readonly encoding: 'utf8' | 'latin1' = 'utf8',
    bytes = 32768,
  ) {
    this.buffer = Buffer.allocUnsafeSlow(bytes);
  }

  private room(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
  /** The head of a step; its arguments' size is patched in later. Returns where. */
  stepHead(code: number, section: number, hasUndo: boolean, ignored: number): number {
    this.room(12);
    const { buffer, length } = this;
    buffer.writeUInt32LE(code | (section << 16) | ((hasUndo ? 1 : 0) << 24), length);
    buffer.writeUInt32LE(ignored, length + 4);
    this.length = length + 12;
    return length + 8;
  }
  u32(value: number): void {
    this.room(4);
    this.length = this.buffer.writeUInt32LE(value >>> 0, this.length);
  }
  u64(value: number | bigint): void {
    this.room(8);
    this.length = this.buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), this.length);
  }
  bytes(value: Uint8Array | string, terminate: boolean): void {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    const isWide = typeof value === 'string' && this.encoding === 'utf8';
    this.room(value.length * (isWide ? 3 : 1) + 5);
    const { buffer, length } = this;
    const from = length + 4;
    const size = typeof value === 'string' ? buffer.write(value, from, this.encoding) : value.length;
    if (typeof value !== 'string') buffer.set(value, from);
    buffer.writeUInt32LE(size, length);
    this.length = from + size;
    if (terminate) buffer[this.length++] = 0;
  }
  /** Bytes as they are, one character each. */
  raw(text: string): void {
    this.room(text.length);
    this.length += this.buffer.write(text, this.length, 'latin1');
  }
  patch(at: number, value: number): void {
    this.buffer.writeUInt32LE(value, at);
  }
  done(): Buffer {
    return this.buffer.subarray(0, this.length);
  }
  /** Bytes that were not taken yet, and how many more fit. */
  get pending(): number {
    return this.length - this.from;
  }
  get left(): number {
    return this.buffer.length - this.length;
  }
  /** What was written since the last time, for the caller to keep. */
  cut(): Buffer {
    const bytes = this.buffer.subarray(this.from, this.length);
    this.from = this.length;
    return bytes;
  }
}

/** A NUL would cut the string short on the other side: refused here, where the caller can be told. */
function checkString(value: string, op: string, name: string): string {
  if (value.includes('\0')) throw new TypeError(`${op}: ${name} contains a NUL byte`);
  return value;
}

function writeArg(out: Writer, kind: ArgKind, value: unknown, op: string, name: string): void {
  if (kind === 'u32' && typeof value === 'number') out.u32(value);
  else if (kind === 'u64' && (typeof value === 'number' || typeof value === 'bigint')) out.u64(value);
  else if (kind === 'str' && typeof value === 'string') out.bytes(checkString(value, op, name), true);
  else if (kind === 'bytes' && (typeof value === 'string' || value instanceof Uint8Array))
    out.bytes(value, false);
  else if (kind === 'strv' && Array.isArray(value)) {
    out.u32(value.length);
    for (const item of value) out.bytes(checkString(String(item), op, name), true);
  } else throw new TypeError(`${op}: argument ${name} is no ${kind}`);
}

function writeAction(out: Writer, action: Action, section: number, hasUndo: boolean, ignored: number): void {
  const row = OPS[action.op];
  const sizeAt = out.stepHead(row.code, section, hasUndo, ignored);
  const values = action as unknown as Record<string, unknown>;
  for (const name in row.args) {
    writeArg(out, (row.args as Record<string, ArgKind>)[name] as ArgKind, values[name], action.op, name);
  }
  out.patch(sizeAt, out.length - sizeAt - 4);
}

function writeStep(out: Writer, step: Step): void {
  const ignored = step.ignore === undefined ? 0 : IGNORED[step.ignore];
  writeAction(out, step, SECTION_CODE[step.where], step.undo !== undefined, ignored);
  if (step.undo !== undefined) writeAction(out, step.undo, 0, false, 0);
}

function tooLarge(what: string, most: string): MydockerError {
  return new MydockerError(
    'PLAN_TOO_LARGE',
    `this cannot be done at once: it takes ${what}, and ${most} are the most`,
    {
      remedy: 'ask for less: fewer mounts, fewer or shorter variables and arguments',
    },
  );
}

/** What of the header is known only at the end: offsets of the total of bytes and of the number of steps. */
const TOTAL_AT = 8;
const COUNT_AT = 12;

function writeHead(out: Writer, flags: number, fault: Fault | undefined): void {
  out.u32(MAGIC);
  out.u32(PLAN_VERSION);
  out.u32(0);
  out.u32(0);
  out.u32(flags);
  out.u32(fault?.index ?? 0xffffffff);
  out.u32(fault?.errno ?? 0);
}

const tooManySteps = (count: number): MydockerError => tooLarge(`${count} steps`, `${MAX_STEPS}`);

function finish(out: Writer, count: number): Buffer {
  if (count > MAX_STEPS) throw tooManySteps(count);
  if (out.length > PLAN_MAX_BYTES) throw tooLarge(`${out.length} bytes of words`, `${PLAN_MAX_BYTES}`);
  out.patch(TOTAL_AT, out.length);
  out.patch(COUNT_AT, count);
  return out.done();
}

/**
 * The bytes the shim reads; `withReasons`: and behind them, unread by it, why each step is there, for decodePlan().
 * Throws TypeError for a string holding NUL, PLAN_TOO_LARGE.
 */
export function encodePlan(
  plan: Plan,
  options: { flags?: number; fault?: Fault | undefined; withReasons?: boolean } = {},
): Buffer {
  const out = new Writer();
  if (plan.steps.length > MAX_STEPS) throw tooManySteps(plan.steps.length);
  writeHead(out, options.flags ?? 0, options.fault);
  for (const step of plan.steps) writeStep(out, step);
  finish(out, plan.steps.length);
  if (options.withReasons === true) out.bytes(plan.steps.map(({ why }) => why).join('\0'), false);
  return out.done();
}

/** Steps as they stand in a plan, one character a byte: for EncodedPlan. Throws TypeError for a string holding NUL. */
export function encodeSteps(list: readonly Step[]): string {
  const out = new Writer();
  for (const step of list) writeStep(out, step);
  return out.done().toString('latin1');
}

/** A plan of which some steps are encoded already. The same bytes as encodePlan() gives. */
export class EncodedPlan {
  private readonly out = new Writer();
  private count = 0;

  constructor(fault: Fault | undefined) {
    writeHead(this.out, 0, fault);
  }

  /** Throws TypeError for a string holding NUL. */
  add(list: readonly Step[]): void {
    for (const step of list) writeStep(this.out, step);
    this.count += list.length;
  }

  /** Steps of encodeSteps(). */
  addEncoded(text: string, count: number): void {
    this.out.raw(text);
    this.count += count;
  }

  /** Throws PLAN_TOO_LARGE. */
  done(): Buffer {
    return finish(this.out, this.count);
  }
}

/**
 * Gathers steps for a plan sent with PLAN_FLAGS.stream. Strings hold one byte in each character (latin1): a file name
 * in an archive is bytes, and not always UTF-8.
 */
export class StepBuffer {
  private out: Writer;
  private pieces: Buffer[] = [];
  private pieceBytes = 0;

  constructor(private readonly startBytes: number) {
    this.out = new Writer('latin1', startBytes);
  }

  /** Bytes gathered. */
  get length(): number {
    return this.pieceBytes + this.out.pending;
  }

  /** Throws TypeError for a string holding NUL. `ignore`: this errno of the step is no failure. */
  add(action: Action, ignore?: IgnoredErrno): void {
    const ignored = ignore === undefined ? 0 : IGNORED[ignore];
    const data = action.op === 'file-data' && typeof action.data !== 'string' ? action.data : undefined;
    if (data !== undefined && data.length >= OWN_PIECE_BYTES) this.data(data, ignored);
    else writeAction(this.out, action, 0, false, ignored);
  }

  /** A piece of a file goes out as it is, behind the head of its step. */
  private data(data: Uint8Array, ignored: number): void {
    const sizeAt = this.out.stepHead(OPS['file-data'].code, 0, false, ignored);
    this.out.u32(data.length);
    this.out.patch(sizeAt, 4 + data.length);
    this.keep(this.out.cut());
    this.keep(Buffer.from(data.buffer, data.byteOffset, data.length));
  }

  private keep(piece: Buffer): void {
    this.pieces.push(piece);
    this.pieceBytes += piece.length;
  }

  /** What was gathered, in pieces for the caller to keep; starts anew. */
  take(): Buffer[] {
    if (this.out.pending > 0) this.keep(this.out.cut());
    const { pieces } = this;
    this.pieces = [];
    this.pieceBytes = 0;
    if (this.out.left < this.startBytes / 2) this.out = new Writer('latin1', this.startBytes);
    return pieces;
  }
}

export const PLAN_LAYOUT = { HEADER_BYTES, STEP_HEAD_BYTES, MAGIC } as const;
