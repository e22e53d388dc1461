/**
 * Fuzzing of the shim's own readers, in C: the plan's decoder, the attach protocol. The shim's sources are compiled with
 * sanitizers and traced; the seeds are made from the table of operations, so that they are never of an older one.
 */
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { encodePlan, OPS, PLAN_FLAGS, type Plan, type Step } from '../../src/plan/index.ts';

export const NATIVE_TARGETS: readonly string[] = ['plan', 'attach'];
const OUT = 'dist/fuzz';
const SOURCES = 'test/fuzz/native';
const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-g', '-O1'];
const FLAGS = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', ...SANITIZERS];

function gcc(args: readonly string[]): void {
  const result: SpawnSyncReturns<string> = spawnSync('gcc', args, { encoding: 'utf8' });
  if (result.status !== 0)
    throw new Error(`gcc ${args.join(' ')}: ${result.error?.message ?? result.stderr}`);
}

const cFiles = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.c'))
    .map((name) => `${directory}/${name}`);

/** The fuzzer's path. Only the shim's files are traced: what the fuzzer itself does says nothing. */
export function buildNative(): string {
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  // sanitize.c sends reports to files, for a shim whose standard error is a container's.
  const shim = cFiles('native').filter((file) => !file.endsWith('/sanitize.c'));
  const objects = shim.map((file) => {
    const object = `${OUT}/${file.slice(file.lastIndexOf('/') + 1)}.o`;
    gcc([...FLAGS, '-fsanitize-coverage=trace-pc', '-Dmain=shim_main', '-c', file, '-o', object]);
    return object;
  });
  const driver = `${OUT}/driver.o`;
  gcc(['-std=c11', '-D_GNU_SOURCE', '-O2', '-c', `${SOURCES}/fuzz.c`, '-o', driver]);
  const targets = cFiles(SOURCES).filter((file) => !file.endsWith('/fuzz.c'));
  gcc([...FLAGS, ...targets, driver, ...objects, '-o', `${OUT}/fuzz`]);
  return `${OUT}/fuzz`;
}

const SAMPLES = {
  u32: 1,
  u64: 2n,
  str: '/a/file',
  bytes: Buffer.from([1, 2, 3, 0]),
  strv: ['a', '', 'b c'],
} as const;

function action(op: keyof typeof OPS): object {
  const args = Object.entries(OPS[op].args).map(([name, kind]) => [name, SAMPLES[kind]]);
  return { op, ...Object.fromEntries(args) };
}

/** A plan for each operation, as a step and as an undo; and one of many steps, in all sections. */
export function planSeeds(): Buffer[] {
  const names = Object.keys(OPS) as Array<keyof typeof OPS>;
  const step = (op: keyof typeof OPS, where: string): Step =>
    ({ ...action(op), where, why: '', undo: action(op) }) as unknown as Step;
  const plans = names.map((op): Plan => ({ steps: [step(op, 'host')] }));
  const sections = ['host', 'host-after', 'init', 'started'];
  const many: Plan = { steps: sections.flatMap((where) => names.slice(0, 20).map((op) => step(op, where))) };
  return [...plans, many].map((plan) => encodePlan(plan, { flags: PLAN_FLAGS.stream }));
}

function frame(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head[0] = type;
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}

/** What clients say: native/clients.h has the numbers. */
export function attachSeeds(): Buffer[] {
  const number = (value: number): Buffer => {
    const body = Buffer.alloc(4);
    body.writeUInt32LE(value);
    return body;
  };
  const controls = [16, 17, 18, 19, 20, 21, 22, 23];
  const all = controls.flatMap((type) => [1, 7, 8, 16, 31].map((value) => frame(type, number(value))));
  const typed = frame(0, Buffer.from('typed\n'));
  const much = frame(0, Buffer.alloc(9000, 'x'));
  return [...all, typed, much, frame(19, Buffer.alloc(0)), Buffer.concat([...all, typed, much])];
}

export interface NativeOutcome {
  failure?: string;
  runs: number;
  line: string;
}

/** Runs one target to its end, or to the first input that it does not survive. */
export async function runNative(target: string, seconds: number, seed: number): Promise<NativeOutcome> {
  const directory = mkdtempSync('/var/tmp/mydocker-fuzz-native-');
  const seeds = `${directory}/seeds`;
  mkdirSync(seeds);
  for (const [i, bytes] of (target === 'plan' ? planSeeds() : attachSeeds()).entries())
    writeFileSync(`${seeds}/${i}`, bytes);
  const child = spawn(`${OUT}/fuzz`, [target, String(seconds), String(seed), `${directory}/input`, seeds], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => out.push(part));
  child.stderr.on('data', (part: Buffer) => err.push(part));
  const code = await new Promise<number>((resolve) =>
    child.once('close', (status) => resolve(status ?? 128)),
  );
  const line = Buffer.concat(out).toString('utf8').trim();
  const runs = Number(/^(\d+) inputs read/.exec(line)?.[1] ?? 0);
  const failed = code !== 0;
  const kept = `/var/tmp/mydocker-fuzz-${target}-${seed}`;
  if (failed) {
    const shown = readFileSync(`${directory}/input`);
    writeFileSync(`${directory}/kept`, shown.subarray(4, 4 + (shown.length > 4 ? shown.readUInt32LE(0) : 0)));
    renameSync(`${directory}/kept`, kept);
  }
  rmSync(directory, { recursive: true });
  const said = Buffer.concat(err).toString('utf8').trim();
  return { runs, line, ...(failed ? { failure: `${said}; its input: ${kept}` } : {}) };
}
