/*
 * Instructions of eBPF, as bpf(2) takes them: struct bpf_insn, 8 bytes, little-endian here.
 * u8 opcode | u8 destination and source register, four bits each | s16 offset | s32 immediate
 * Documentation/bpf/standardization/instruction-set.rst
 */
export interface Instruction {
  readonly code: number;
  readonly dst: number;
  readonly src: number;
  readonly off: number;
  readonly imm: number;
}

/** Opcodes that are used here; 32-bit arithmetic clears the upper half of its register. */
export const CODE = {
  /** dst = *(u32 *)(src + off) */
  load: 0x61,
  /** dst = src, 32 bits */
  move: 0xbc,
  /** dst = imm */
  set: 0xb7,
  /** dst &= imm, 32 bits */
  and: 0x54,
  /** dst >>= imm, 32 bits */
  shift: 0x74,
  /** if dst == imm, skip off instructions */
  jumpEqual: 0x15,
  /** if dst != imm, skip off instructions */
  jumpNotEqual: 0x55,
  /** return r0 */
  exit: 0x95,
} as const;

const make = (code: number, dst: number, src: number, off: number, imm: number): Instruction => ({
  code,
  dst,
  src,
  off,
  imm,
});

export const load = (dst: number, src: number, off: number): Instruction => make(CODE.load, dst, src, off, 0);
export const move = (dst: number, src: number): Instruction => make(CODE.move, dst, src, 0, 0);
export const set = (dst: number, imm: number): Instruction => make(CODE.set, dst, 0, 0, imm);
export const and = (dst: number, imm: number): Instruction => make(CODE.and, dst, 0, 0, imm);
export const shift = (dst: number, imm: number): Instruction => make(CODE.shift, dst, 0, 0, imm);
export const skipIf = (dst: number, imm: number, off: number): Instruction =>
  make(CODE.jumpEqual, dst, 0, off, imm);
export const skipUnless = (dst: number, imm: number, off: number): Instruction =>
  make(CODE.jumpNotEqual, dst, 0, off, imm);
export const exit = (): Instruction => make(CODE.exit, 0, 0, 0, 0);

/** The bytes of struct bpf_insn[]. */
export function assemble(list: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(list.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, { code, dst, src, off, imm }] of list.entries()) {
    view.setUint8(i * 8, code);
    view.setUint8(i * 8 + 1, dst | (src << 4));
    view.setInt16(i * 8 + 2, off, true);
    view.setInt32(i * 8 + 4, imm, true);
  }
  return bytes;
}
