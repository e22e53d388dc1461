/** One system call as a filter sees it: seccomp(2), struct seccomp_data. */
export interface SimulatedCall {
  /** AUDIT_ARCH_… */
  arch: number;
  nr: number;
  args?: readonly bigint[];
}

/**
 * Runs a filter as the kernel would: its answer (SECCOMP_RET_… and data), and how many instructions that took.
 * For tests: what a filter does can be said without a process that dies of it.
 */
export function simulate(filter: Uint8Array, call: SimulatedCall): { value: number; count: number } {
  const code = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, call.nr, true);
  data.setUint32(4, call.arch, true);
  for (const [i, arg] of (call.args ?? []).entries()) data.setBigUint64(16 + 8 * i, arg, true);
  let a = 0;
  for (let pc = 0, count = 1; ; pc++, count++) {
    if (pc * 8 >= filter.length) throw new Error('the filter ran past its end');
    const op = code.getUint16(pc * 8, true);
    const [jt, jf] = [code.getUint8(pc * 8 + 2), code.getUint8(pc * 8 + 3)];
    const k = code.getUint32(pc * 8 + 4, true);
    if (op === 0x06) return { value: k, count };
    if (op === 0x20) a = data.getUint32(k, true);
    else if (op === 0x54) a = (a & k) >>> 0;
    else if (op === 0x05) pc += k;
    else if (op === 0x15) pc += a === k ? jt : jf;
    else if (op === 0x25) pc += a > k ? jt : jf;
    else if (op === 0x35) pc += a >= k ? jt : jf;
    else if (op === 0x45) pc += (a & k) !== 0 ? jt : jf;
    else throw new Error(`instruction 0x${op.toString(16)}`);
  }
}
