import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Action, decodePlan, encodePlan, OPS, type OpName, type Step } from './index.ts';
import type { ArgKind } from './op-row.ts';

const SAMPLES: Record<ArgKind, unknown> = {
  u32: 7,
  u64: 2n ** 40n,
  str: '/é',
  bytes: Buffer.from([0, 255, 10]),
  strv: ['a', '', 'ü'],
};

function sample(op: OpName): Action {
  const args = Object.entries(OPS[op].args).map(([name, kind]) => [name, SAMPLES[kind as ArgKind]]);
  return { op, ...Object.fromEntries(args) } as Action;
}

test('decodePlan() gives back every operation, its section, its undo, what it ignores, and why it is there', () => {
  const names = Object.keys(OPS) as OpName[];
  const sections = ['host', 'host-after', 'init', 'started'] as const;
  const steps = names.map(
    (op, i): Step => ({
      ...sample(op),
      where: sections[i % sections.length] ?? 'host',
      why: `reason ${i}, “quoted”`,
      ...(i % 3 === 0 ? { undo: sample(names[(i * 7) % names.length] ?? 'setsid') } : {}),
      ...(i % 5 === 0 ? { ignore: 'EEXIST' as const } : {}),
    }),
  );
  assert.deepEqual(decodePlan(encodePlan({ steps }, { withReasons: true })), { steps });
});

test('decodePlan() refuses what is no plan, or has no reasons, or is cut short', () => {
  const whole = encodePlan(
    { steps: [{ ...sample('mkdir'), where: 'host', why: 'because' }] },
    { withReasons: true },
  );
  assert.throws(() => decodePlan(Buffer.alloc(100)), RangeError);
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => decodePlan(whole.subarray(0, length)), RangeError, `of ${length} bytes`);
});
