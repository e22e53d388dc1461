import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_DEVICE_RULES } from '../devices.ts';
import type { OciDeviceRule } from '../oci-resources.ts';
import { deviceFilter, deviceInstructions } from './device-filter.ts';
import { CODE, type Instruction } from './instructions.ts';

interface Asked {
  type: 'b' | 'c';
  major: number;
  minor: number;
  access: string;
}

const BITS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const bits = (access: string): number => [...access].reduce((mask, letter) => mask | (BITS[letter] ?? 0), 0);

/** Runs a program as the kernel would; fails on what its verifier refuses: jumps out of it, code without an end. */
function execute(list: readonly Instruction[], asked: Asked): number {
  const context = [(bits(asked.access) << 16) | (asked.type === 'b' ? 1 : 2), asked.major, asked.minor];
  const r = [0, 0, 0, 0, 0, 0];
  for (let at = 0; ; at++) {
    const op = list[at];
    assert.ok(op !== undefined, 'the program runs over its end');
    const { code, dst, src, off, imm } = op;
    const value = r[dst] ?? 0;
    if (code === CODE.exit) return r[0] ?? 0;
    if (code === CODE.load) r[dst] = context[off / 4] ?? Number.NaN;
    else if (code === CODE.move) r[dst] = r[src] ?? 0;
    else if (code === CODE.set) r[dst] = imm;
    else if (code === CODE.and) r[dst] = (value & imm) >>> 0;
    else if (code === CODE.shift) r[dst] = value >>> imm;
    else if (code === CODE.jumpEqual) at += value === imm ? off : 0;
    else if (code === CODE.jumpNotEqual) at += value !== imm ? off : 0;
    else assert.fail(`opcode ${code}`);
  }
}

/** The rule in one sentence: for each access, the last rule that is about it decides; none: refused. */
function reference(rules: readonly OciDeviceRule[], asked: Asked): number {
  const isAbout = (rule: OciDeviceRule, letter: string): boolean => {
    const type = rule.type ?? 'a';
    if (type === 'a') return true;
    const same = (want: number | undefined, have: number) => want === undefined || want < 0 || want === have;
    return (
      type === asked.type &&
      same(rule.major, asked.major) &&
      same(rule.minor, asked.minor) &&
      (rule.access ?? 'rwm').includes(letter)
    );
  };
  const allowed = [...asked.access].every(
    (letter) => rules.filter((rule) => isAbout(rule, letter)).at(-1)?.allow === true,
  );
  return allowed ? 1 : 0;
}

test('deviceFilter() is the list of a container’s default rules, byte for byte', () => {
  const words = deviceInstructions(DEFAULT_DEVICE_RULES).map(
    ({ code, dst, src, off, imm }) => `${code.toString(16)} r${dst} r${src} +${off} ${imm}`,
  );
  assert.deepEqual(words.slice(0, 14), [
    '61 r2 r1 +0 0',
    'bc r3 r2 +0 0',
    '74 r3 r0 +0 16',
    '54 r2 r0 +0 65535',
    '61 r4 r1 +4 0',
    '61 r5 r1 +8 0',
    '55 r2 r0 +3 2',
    '55 r4 r0 +2 136',
    'b7 r0 r0 +0 1',
    '95 r0 r0 +0 0',
    '55 r2 r0 +4 2',
    '55 r4 r0 +3 5',
    '55 r5 r0 +2 2',
    'b7 r0 r0 +0 1',
  ]);
  assert.deepEqual(
    words.slice(-12),
    [
      '55 r2 r0 +4 1',
      '54 r3 r0 +0 6',
      '55 r3 r0 +2 0',
      'b7 r0 r0 +0 1',
      '95 r0 r0 +0 0',
      '55 r2 r0 +4 2',
      '54 r3 r0 +0 6',
      '55 r3 r0 +2 0',
      'b7 r0 r0 +0 1',
      '95 r0 r0 +0 0',
      'b7 r0 r0 +0 0',
      '95 r0 r0 +0 0',
    ].slice(-12),
  );
  const bytes = deviceFilter(DEFAULT_DEVICE_RULES);
  assert.equal(bytes.length, words.length * 8);
  assert.equal(Buffer.from(bytes.subarray(0, 16)).toString('hex'), '6112000000000000bc23000000000000');
  assert.equal(Buffer.from(bytes.subarray(48, 56)).toString('hex'), '5502030002000000');
});

test('the default rules: harmless devices may be used, any node made, the host’s disk never opened', () => {
  const list = deviceInstructions(DEFAULT_DEVICE_RULES);
  const may = (type: 'b' | 'c', major: number, minor: number, access: string) =>
    execute(list, { type, major, minor, access }) === 1;
  for (const minor of [3, 5, 7, 8, 9]) assert.ok(may('c', 1, minor, 'rwm'), `c 1:${minor}`);
  for (const minor of [0, 1, 2]) assert.ok(may('c', 5, minor, 'rw'), `c 5:${minor}`);
  assert.ok(may('c', 136, 77, 'rw'), 'a terminal');
  assert.ok(may('b', 8, 0, 'm') && may('c', 10, 200, 'm'), 'mknod of anything');
  for (const access of ['r', 'w', 'rw', 'rm']) assert.ok(!may('b', 8, 0, access), `b 8:0 ${access}`);
  for (const [major, minor] of [
    [1, 1],
    [1, 2],
    [1, 4],
    [10, 200],
  ] as const)
    assert.ok(!may('c', major, minor, 'r'), `c ${major}:${minor}`);
  assert.ok(!may('b', 1, 3, 'r'), 'a block device of the same numbers as /dev/null');
});

test('a rule for all devices makes those before it unreachable, and no code is left of them', () => {
  const all: OciDeviceRule = { allow: true };
  const rules: OciDeviceRule[] = [{ allow: false, type: 'c', major: 1, access: 'w' }, all];
  assert.equal(deviceInstructions(rules).length, deviceInstructions([all]).length);
  assert.equal(execute(deviceInstructions(rules), { type: 'c', major: 1, minor: 3, access: 'w' }), 1);
  assert.equal(execute(deviceInstructions([]), { type: 'c', major: 1, minor: 3, access: 'r' }), 0);
});

test('every list of rules means what the sentence says', () => {
  let seed = 12345;
  const below = (limit: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % limit;
  };
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  for (let round = 0; round < 400; round++) {
    const rules = Array.from(
      { length: below(8) },
      (): OciDeviceRule => ({
        allow: below(2) === 1,
        ...pick<object>([{}, { type: 'a' }, { type: 'b' }, { type: 'c' }, { type: 'c' }, { type: 'b' }]),
        ...pick<object>([{}, { major: 1 }, { major: 8 }, { major: -1 }]),
        ...pick<object>([{}, { minor: 0 }, { minor: 3 }]),
        ...pick<object>([
          {},
          { access: 'r' },
          { access: 'w' },
          { access: 'rm' },
          { access: 'rwm' },
          { access: '' },
        ]),
      }),
    );
    const list = deviceInstructions(rules);
    for (const type of ['b', 'c'] as const)
      for (const major of [1, 8, 9])
        for (const minor of [0, 3])
          for (const access of ['r', 'w', 'm', 'rw', 'rwm']) {
            const asked = { type, major, minor, access };
            assert.equal(execute(list, asked), reference(rules, asked), JSON.stringify({ rules, asked }));
          }
  }
});
