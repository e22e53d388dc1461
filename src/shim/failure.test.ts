import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Plan, steps } from '../plan/index.ts';
import { interpreterOf, sayStep, stepError } from './failure.ts';
import { decodeReport, type Failure } from './report.ts';

const PLAN: Plan = {
  steps: steps(
    'init',
    {
      op: 'mount',
      source: 'overlay',
      target: '/c/rootfs',
      fstype: 'overlay',
      flags: 0,
      data: '',
      why: 'the image',
    },
    { op: 'exec', file: 'app', argv: ['app'], env: [], init: 0, why: 'the program' },
    { op: 'set-user', user: 'bob', why: 'who it is' },
  ),
};

function failure(index: number | undefined, errno: string, more: Partial<Failure> = {}): Failure {
  return { index, errno, path: '', head: Buffer.alloc(0), ...more };
}

test('stepError() names step, number, errno, cause and remedy', () => {
  const error = stepError('cannot start bird', PLAN, failure(0, 'EINVAL'));
  assert.match(
    error.message,
    /^cannot start bird: step 1, mount overlay on \/c\/rootfs: EINVAL: the upper directory/,
  );
  assert.deepEqual(
    [error.code, error.stepIndex, error.errno, error.exitCode],
    ['OVERLAY_MOUNT', 0, 'EINVAL', 125],
  );
  assert.match(error.remedy ?? '', /--root/);
});

test('stepError() of exec tells 126 from 127, and which file is missing', () => {
  const of = (errno: string, head: string | Buffer, path = '/bin/app') =>
    stepError('cannot start bird', PLAN, failure(1, errno, { path, head: Buffer.from(head) }));
  const rows: [errno: string, head: string, code: string, exitCode: number, words: RegExp][] = [
    ['ENOENT', '', 'EXEC_NOT_FOUND', 127, /no directory of PATH/],
    ['ENOENT', '#!/bin/nosh -e\n', 'EXEC_NO_INTERPRETER', 127, /needs \/bin\/nosh/],
    ['ENOENT', '#!/bin/sh\r\necho\r\n', 'EXEC_CRLF', 127, /carriage return.*"\/bin\/sh\\r"/],
    ['EACCES', '', 'EXEC_DENIED', 126, /not executable/],
    ['ENOEXEC', 'hello', 'EXEC_FORMAT', 126, /neither a program/],
    ['E2BIG', '', 'EXEC_FAILED', 126, /argument list too long/],
  ];
  for (const [errno, head, code, exitCode, words] of rows) {
    const error = of(errno, head);
    assert.deepEqual([error.code, error.exitCode], [code, exitCode]);
    assert.match(error.message, words);
  }
});

test('stepError() of a failure that is no step’s says what to do', () => {
  const stale = stepError('cannot start bird', PLAN, failure(undefined, 'ESTALE'));
  assert.equal(stale.code, 'PLAN_VERSION');
  assert.match(stale.remedy ?? '', /npm run build/);
  assert.equal(stepError('x', PLAN, failure(undefined, 'ECHILD')).code, 'CHILD_KILLED');
});

test('interpreterOf() reads PT_INTERP of an ELF header and a #! line', () => {
  const elf = Buffer.alloc(256);
  elf.write('\x7fELF\x02\x01', 0, 'latin1');
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(2, 56);
  elf.writeUInt32LE(6, 64);
  elf.writeUInt32LE(3, 64 + 56);
  elf.writeBigUInt64LE(200n, 64 + 56 + 8);
  elf.writeBigUInt64LE(11n, 64 + 56 + 32);
  elf.write('/lib/ld.so\0', 200, 'latin1');
  assert.deepEqual(interpreterOf(elf), { name: '/lib/ld.so', carriageReturn: false });
  assert.deepEqual(interpreterOf(Buffer.from('#! /usr/bin/env node\n')), {
    name: '/usr/bin/env',
    carriageReturn: false,
  });
  assert.equal(interpreterOf(Buffer.from('plain')), undefined);
  assert.equal(interpreterOf(elf.subarray(0, 130)), undefined, 'cut short');
});

test('sayStep() is short and names the subject', () => {
  assert.deepEqual(PLAN.steps.map(sayStep), [
    'mount overlay on /c/rootfs',
    'execute app',
    'become user "bob"',
  ]);
});

test('decodeReport() reads records up to a torn one, and takes zeros for the end', () => {
  const record = (kind: number, data: Buffer) => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(kind, 0);
    head.writeUInt32LE(data.length, 4);
    return Buffer.concat([head, data]);
  };
  const pid = Buffer.from([42, 0, 0, 0]);
  const ending = Buffer.from([137, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0]);
  const whole = Buffer.concat([record(1, pid), record(3, ending), Buffer.alloc(4096)]);
  const report = decodeReport(whole);
  assert.deepEqual([report.startedPid, report.ending], [42, { code: 137, signal: 9, oomKilled: true }]);
  assert.equal(decodeReport(whole.subarray(0, 12 + 10)).ending, undefined);
});
