import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Action, encodePlan, OPS, PLAN_FLAGS, planVersion, StepBuffer, steps } from './index.ts';
import { MAX_STEPS } from './ops.ts';
import { PLAN_VERSION } from './version.gen.ts';

/** One step as it travels behind a plan. */
function encodeStreamStep(action: Action): Buffer {
  const buffer = new StepBuffer(64);
  buffer.add(action);
  return Buffer.concat(buffer.take());
}

test('planVersion() is what the generated files hold', () => {
  assert.equal(planVersion(), PLAN_VERSION);
});

test('OPS has no code twice, and at most eight arguments each', () => {
  const rows = Object.values(OPS);
  assert.equal(new Set(rows.map((row) => row.code)).size, rows.length);
  assert.ok(rows.every((row) => Object.keys(row.args).length <= 8));
});

test('encodePlan() writes the header that native/plan.c reads', () => {
  const fault = { index: 1, errno: 28 };
  const bytes = encodePlan(
    { steps: steps('host', { op: 'setsid', why: 'x' }) },
    { flags: PLAN_FLAGS.detach, fault },
  );
  const words = Array.from({ length: 7 }, (_, i) => bytes.readUInt32LE(i * 4));
  assert.deepEqual(words, [0x4c50444d, PLAN_VERSION, bytes.length, 1, 1, 1, 28]);
});

test('encodePlan() writes a step, its ignored errno and its undo byte by byte', () => {
  const bytes = encodePlan({
    steps: steps('host', {
      op: 'mkdir',
      path: '/é',
      mode: 0o755,
      why: 'x',
      ignore: 'EEXIST',
      undo: { op: 'rmdir', path: '/é' },
    }),
  });
  const expected = [
    '0200' + '00' + '01' + '11000000' + '0c000000',
    '03000000' + '2fc3a9' + '00' + 'ed010000',
    '0300' + '00' + '00' + '00000000' + '08000000',
    '03000000' + '2fc3a9' + '00',
  ].join('');
  assert.equal(bytes.subarray(28).toString('hex'), expected);
});

test('StepBuffer hands large content on as it is, behind the head of its step, and begins anew when taken', () => {
  const buffer = new StepBuffer(64);
  const data = Buffer.alloc(20_000, 'x');
  const add = (): Buffer[] => {
    buffer.add({ op: 'file-data', data: Buffer.from('small') });
    buffer.add({ op: 'file-data', data });
    buffer.add({ op: 'sync-files' });
    assert.equal(buffer.length, 16 + 5 + 16 + data.length + 12);
    return buffer.take();
  };
  const pieces = add();
  assert.equal(pieces[1]?.buffer, data.buffer, 'not copied');
  const whole = Buffer.concat(pieces);
  assert.equal(whole.readUInt32LE(21 + 8), 4 + data.length);
  assert.equal(whole.readUInt32LE(21 + 12), data.length);
  assert.ok(whole.subarray(37, 37 + data.length).equals(data));
  assert.equal(buffer.length, 0);
  for (let i = 0; i < 5; i++) assert.ok(Buffer.concat(add()).equals(whole));
  assert.ok(Buffer.concat(pieces).equals(whole), 'what was taken stays as it was');
});

test('StepBuffer writes string lists and 64-bit numbers', () => {
  const exec = encodeStreamStep({ op: 'exec', file: 'a', argv: ['a', ''], env: [], init: 0 });
  assert.equal(
    exec.subarray(12).toString('hex'),
    '010000006100' + '02000000' + '010000006100' + '0000000000' + '00000000' + '00000000',
  );
  const rlimit = encodeStreamStep({ op: 'rlimit', resource: 7, soft: 2n ** 64n - 1n, hard: 4294967296 });
  assert.equal(rlimit.subarray(12).toString('hex'), '07000000' + 'ffffffffffffffff' + '0000000001000000');
});

test('encodePlan() refuses a string with NUL and an argument of the wrong kind', () => {
  const nul = steps('host', { op: 'unlink', path: '/a\0b', why: 'x' });
  assert.throws(() => encodePlan({ steps: nul }), /NUL/);
  const wrong = steps('host', { op: 'unlink', path: 7 as unknown as string, why: 'x' });
  assert.throws(() => encodePlan({ steps: wrong }), /path is no str/);
});

test('encodePlan() grows past its first buffer', () => {
  const argv = Array.from({ length: 5000 }, (_, i) => `argument number ${i}`);
  const bytes = encodePlan({
    steps: steps('init', { op: 'exec', file: 'x', argv, env: [], init: 0, why: 'x' }),
  });
  assert.equal(bytes.readUInt32LE(8), bytes.length);
  assert.ok(bytes.includes('argument number 4999'));
});

test('encodePlan() refuses a plan that the shim has no room for, in words', () => {
  const step = (path: string) => ({ op: 'chdir', path, where: 'host', why: 'w' }) as const;
  const many = (count: number) => ({ steps: Array.from({ length: count }, () => step('/')) });
  assert.doesNotThrow(() => encodePlan(many(MAX_STEPS)));
  assert.throws(() => encodePlan(many(MAX_STEPS + 1)), { code: 'PLAN_TOO_LARGE' });
  assert.throws(() => encodePlan({ steps: [step('x'.repeat(9_000_000))] }), { code: 'PLAN_TOO_LARGE' });
});
