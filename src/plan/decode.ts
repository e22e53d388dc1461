import { IGNORED, PLAN_LAYOUT, SECTION_CODE } from './encode.ts';
import { type ArgKind, OPS, type OpName } from './ops.ts';
import type { Action, Plan, Section, Step, StepNotes } from './step.ts';
import { PLAN_VERSION } from './version.gen.ts';

/*
 * A plan read back, with the reasons behind it (encodePlan, withReasons): what a process needs that did not make it, to
 * tell which step failed and why it was there.
 */

const NAMES = new Map<number, OpName>(Object.entries(OPS).map(([name, row]) => [row.code, name as OpName]));
const SECTIONS = new Map(Object.entries(SECTION_CODE).map(([name, code]) => [code, name as Section]));
const ERRNOS = new Map(Object.entries(IGNORED).map(([name, number]) => [number as number, name]));

class Reader {
  constructor(
    private readonly bytes: Buffer,
    private at: number,
  ) {}

  u16(): number {
    this.at += 2;
    return this.bytes.readUInt16LE(this.at - 2);
  }
  u8(): number {
    this.at += 1;
    return this.bytes.readUInt8(this.at - 1);
  }
  u32(): number {
    this.at += 4;
    return this.bytes.readUInt32LE(this.at - 4);
  }
  u64(): bigint {
    this.at += 8;
    return this.bytes.readBigUInt64LE(this.at - 8);
  }
  data(terminated: boolean): Buffer {
    const size = this.u32();
    const from = this.at;
    this.at += size + (terminated ? 1 : 0);
    if (this.at > this.bytes.length) throw new RangeError('the plan is cut short');
    return Buffer.from(this.bytes.subarray(from, from + size));
  }
  arg(kind: ArgKind): unknown {
    if (kind === 'u32') return this.u32();
    if (kind === 'u64') return this.u64();
    if (kind === 'str') return this.data(true).toString('utf8');
    if (kind === 'bytes') return this.data(false);
    return Array.from({ length: this.u32() }, () => this.data(true).toString('utf8'));
  }
  /** An undo: its head is a step's, with nothing in it but the operation. */
  undo(): Action {
    const code = this.u16();
    this.at += 6;
    return this.action(code);
  }
  /** What follows a step's head. */
  action(code: number): Action {
    const op = NAMES.get(code);
    if (op === undefined) throw new RangeError(`the plan has an operation ${code}`);
    this.u32();
    const kinds = Object.entries(OPS[op].args) as Array<[string, ArgKind]>;
    return { op, ...Object.fromEntries(kinds.map(([name, kind]) => [name, this.arg(kind)])) } as Action;
  }
}

/**
 * The steps of an encoded plan. 64-bit numbers come back as bigint, content as Buffer. Throws RangeError for bytes that
 * are no plan of this version's, or have no reasons behind them.
 */
export function decodePlan(bytes: Buffer): Plan {
  const { HEADER_BYTES, MAGIC } = PLAN_LAYOUT;
  const header = new Reader(bytes, 0);
  if (header.u32() !== MAGIC) throw new RangeError('this is no plan');
  if (header.u32() !== PLAN_VERSION) throw new RangeError('this is a plan of another version');
  const [length, count] = [header.u32(), header.u32()];
  const reasons = new Reader(bytes, length).data(false).toString('utf8').split('\0');
  const reader = new Reader(bytes, HEADER_BYTES);
  const steps = Array.from({ length: count }, (_, index): Step => {
    const code = reader.u16();
    const where = SECTIONS.get(reader.u8()) ?? 'host';
    const hasUndo = reader.u8() === 1;
    const ignore = ERRNOS.get(reader.u32()) as StepNotes['ignore'];
    const action = reader.action(code);
    const undo = hasUndo ? reader.undo() : undefined;
    return {
      ...action,
      where,
      why: reasons[index] ?? '',
      ...(ignore === undefined ? {} : { ignore }),
      ...(undo === undefined ? {} : { undo }),
    };
  });
  return { steps };
}
