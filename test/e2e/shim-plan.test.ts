/** The shim checks every byte of a plan before it does anything: whatever it is given, it refuses or obeys, and never crashes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { after, test } from 'node:test';
import { PLAN_LAYOUT } from '../../src/plan/encode.ts';
import { type Action, encodePlan, PLAN_FLAGS, type Plan, StepBuffer, steps } from '../../src/plan/index.ts';
import { decodeReport, type Report } from '../../src/shim/report.ts';
import { command, Host } from './harness.ts';
import { random, seed } from './random.ts';

/** One step as it travels behind a plan. */
function encodeStreamStep(action: Action): Buffer {
  const buffer = new StepBuffer(64);
  buffer.add(action);
  return Buffer.concat(buffer.take());
}

const NO_STEP_FAILED = { index: undefined };
const host = new Host();
const jail = mkdtempSync('/var/tmp/mydocker-shim-');
after(() => rmSync(jail, { recursive: true, force: true }));

/** The shim as the program under test carries it, in a root directory where nothing can be harmed. */
async function shimInJail(): Promise<void> {
  if (existsSync(`${jail}/shim`)) return;
  await host.ok('run', '--rm', 'busybox', 'true');
  const [name = ''] = readdirSync(`${host.root}/bin`);
  copyFileSync(`${host.root}/bin/${name}`, `${jail}/shim`);
  mkdirSync(`${jail}/work`);
  await copyLibraries(`${jail}/shim`);
}

/** The sanitizer build is not static: what it loads must lie in the jail too. */
async function copyLibraries(program: string): Promise<void> {
  const { stdout } = await command('ldd', [program]);
  for (const [path] of stdout.matchAll(/\/[^ ()]+/g)) {
    if (path.startsWith(jail)) continue;
    mkdirSync(`${jail}${dirname(path)}`, { recursive: true });
    copyFileSync(path, `${jail}${path}`);
  }
}

interface Ran {
  code: number | null;
  signal: string | null;
  report: Report;
}

let serial = 0;

/** Gives the shim a plan; it sees the jail as / and has namespaces of its own. */
async function shim(mode: string, plan: Uint8Array): Promise<Ran> {
  const base = `${host.root}/plan-${serial++}`;
  writeFileSync(base, plan);
  writeFileSync(`${base}.report`, '');
  const files = [await open(base, 'r'), await open(`${base}.report`, 'r+')];
  const args = ['--mount', '--uts', '--ipc', '--net', `--root=${jail}`, '/shim', mode, 'test', 'protected'];
  const stdio = ['ignore', 'ignore', 'ignore', ...files.map((file) => file.fd)] as const;
  const child = spawn('unshare', args, { stdio: [...stdio], env: { PATH: process.env.PATH ?? '' } });
  const timer = setTimeout(() => child.kill('SIGABRT'), 10_000);
  const ended = await new Promise<Omit<Ran, 'report'>>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  clearTimeout(timer);
  for (const file of files) await file.close();
  const report = decodeReport(readFileSync(`${base}.report`));
  rmSync(base);
  rmSync(`${base}.report`);
  return { ...ended, report };
}

/** Harmless, with every kind of argument and an undo. */
const PLAN: Plan = {
  steps: [
    ...steps(
      'host',
      { op: 'mkdir', path: '/work/a', mode: 0o755, why: '', undo: { op: 'rmdir', path: '/work/a' } },
      {
        op: 'write',
        path: '/work/b',
        data: 'text',
        create: 1,
        why: '',
        undo: { op: 'unlink', path: '/work/b' },
      },
      { op: 'utimes', path: '/work/b', seconds: 1, nanoseconds: 2, why: '' },
    ),
    ...steps('init', { op: 'exec', file: 'x', argv: ['x', 'y'], env: ['A=b'], init: 0, why: '' }),
  ],
};

function done(): string[] {
  return readdirSync(`${jail}/work`).sort();
}

function clean(): void {
  rmSync(`${jail}/work`, { recursive: true });
  mkdirSync(`${jail}/work`);
}

async function refuses(plan: Uint8Array, errno: string, what: string): Promise<void> {
  for (const mode of ['launch', 'run', 'undo']) {
    writeFileSync(`${jail}/work/b`, 'must stay');
    const { code, signal, report } = await shim(mode, plan);
    assert.deepEqual([code, signal], [1, null], `${what}, ${mode}`);
    assert.deepEqual({ index: report.failure?.index }, NO_STEP_FAILED, `${what}, ${mode}`);
    assert.equal(report.failure?.errno, errno, `${what}, ${mode}`);
    assert.deepEqual(done(), ['b'], `${what}, ${mode}: nothing was done, nor undone`);
  }
  clean();
}

/** A copy with a change. */
function changed(plan: Buffer, change: (bytes: Buffer) => void): Buffer {
  const copy = Buffer.from(plan);
  change(copy);
  return copy;
}

test('a good plan is carried out, and undone on request', async () => {
  await shimInJail();
  const good = encodePlan({ steps: PLAN.steps.slice(0, 3) });
  assert.equal((await shim('run', good)).code, 0);
  assert.deepEqual(done(), ['a', 'b']);
  assert.equal((await shim('undo', good)).code, 0);
  assert.deepEqual(done(), []);
});

test('a plan of another version is refused with ESTALE', async () => {
  await shimInJail();
  const good = encodePlan(PLAN);
  for (const bit of [0, 7, 31]) {
    const other = changed(good, (bytes) =>
      bytes.writeUInt32LE((bytes.readUInt32LE(4) ^ (1 << bit)) >>> 0, 4),
    );
    await refuses(other, 'ESTALE', `version bit ${bit}`);
  }
});

test('malformed plans are refused with EPROTO', async () => {
  await shimInJail();
  const good = encodePlan(PLAN);
  const firstStep = PLAN_LAYOUT.HEADER_BYTES;
  const firstArg = firstStep + PLAN_LAYOUT.STEP_HEAD_BYTES;
  const longer = Buffer.concat([good, Buffer.from('trailing')]);
  const cases: ReadonlyArray<readonly [what: string, plan: Buffer]> = [
    ['empty', Buffer.alloc(0)],
    ['wrong magic', changed(good, (bytes) => bytes.write('ELF!', 0))],
    ['trailing bytes', changed(longer, (bytes) => bytes.writeUInt32LE(bytes.length, 8))],
    ['total below the header', changed(good, (bytes) => bytes.writeUInt32LE(12, 8))],
    ['total beyond any plan', changed(good, (bytes) => bytes.writeUInt32LE(0xffffffff, 8))],
    ['one step too many', changed(good, (bytes) => bytes.writeUInt32LE(PLAN.steps.length + 1, 12))],
    ['one step too few', changed(good, (bytes) => bytes.writeUInt32LE(PLAN.steps.length - 1, 12))],
    ['a thousand million steps', changed(good, (bytes) => bytes.writeUInt32LE(1e9, 12))],
    ['unknown operation', changed(good, (bytes) => bytes.writeUInt16LE(999, firstStep))],
    ['another operation’s arguments', changed(good, (bytes) => bytes.writeUInt16LE(50, firstStep))],
    ['NUL inside a string', changed(good, (bytes) => bytes.writeUInt8(0, firstArg + 6))],
    [
      'string without its NUL',
      changed(good, (bytes) => bytes.writeUInt8(1, firstArg + 4 + '/work/a'.length)),
    ],
    ['string longer than its step', changed(good, (bytes) => bytes.writeUInt32LE(0x7fffffff, firstArg))],
    [
      'arguments longer than the plan',
      changed(good, (bytes) => bytes.writeUInt32LE(0x7fffffff, firstStep + 8)),
    ],
    ['section that does not exist', changed(good, (bytes) => bytes.writeUInt8(3, firstStep + 2))],
    ['sections out of order', encodePlan({ steps: [...PLAN.steps.slice(3), ...PLAN.steps.slice(0, 3)] })],
  ];
  for (const [what, plan] of cases) await refuses(plan, 'EPROTO', what);
  for (let length = 1; length < good.length; length += 7)
    await refuses(good.subarray(0, length), 'EPROTO', `cut after ${length} bytes`);
});

test('a stream that is cut or damaged stops at the damage, after the steps before it', async () => {
  await shimInJail();
  const head = encodePlan({ steps: [] }, { flags: PLAN_FLAGS.stream });
  const first = encodeStreamStep({ op: 'mkdir', path: '/work/a', mode: 0o755 });
  const second = encodeStreamStep({ op: 'mkdir', path: '/work/c', mode: 0o755 });
  const cut = await shim('run', Buffer.concat([head, first, second.subarray(0, second.length - 3)]));
  assert.equal(cut.report.failure?.errno, 'EPROTO');
  const damaged = await shim(
    'run',
    Buffer.concat([head, changed(second, (bytes) => bytes.writeUInt16LE(999, 0)), first]),
  );
  assert.equal(damaged.report.failure?.errno, 'EPROTO');
  assert.deepEqual(done(), ['a']);
  clean();
});

test('2000 random mutations of a plan never crash or hang the shim', async () => {
  await shimInJail();
  const bases = [
    encodePlan(PLAN),
    encodePlan({ steps: PLAN.steps.slice(0, 3) }, { flags: PLAN_FLAGS.stream }),
  ];
  const modes = ['run', 'undo', 'run', 'launch'];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < 2000; i = next++) {
      const plan = mutated(bases[i % bases.length] ?? Buffer.alloc(0));
      const { signal, code } = await shim(modes[i % modes.length] ?? 'run', plan);
      assert.ok(
        signal === null && (code === 0 || code === 1),
        `seed ${seed}, round ${i}: ${signal ?? code}: ${plan.toString('hex')}`,
      );
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
});

/** One to four small damages; half of the time the sizes in the header are made right again. */
function mutated(base: Buffer): Buffer {
  let bytes = Buffer.from(base);
  for (let n = random(4); n >= 0; n--) {
    const at = random(bytes.length);
    const kind = random(5);
    if (kind === 0) bytes[at] = random(256);
    else if (kind === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(8))]);
    else if (kind === 3)
      bytes = Buffer.concat([
        bytes.subarray(0, at),
        bytes.subarray(random(bytes.length)),
        bytes.subarray(at),
      ]);
    else if (at + 4 <= bytes.length)
      bytes.writeUInt32LE([0, 1, 0x7fffffff, 0xffffffff, 0x80000000][random(5)] ?? 0, at);
  }
  if (random(2) === 0 && bytes.length >= PLAN_LAYOUT.HEADER_BYTES) {
    base.copy(bytes, 0, 0, 8);
    bytes.writeUInt32LE(bytes.length, 8);
  }
  return bytes;
}
