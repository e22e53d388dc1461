/**
 * Fuzzing of what reads other people's bytes: layers, names, manifests, configs; the shim's plans and attach protocol.
 *
 *   npm run fuzz [-- SECONDS [TARGET…]] [--seed=N] [--keep]
 *
 * Each target (tar, reference, manifest, config; in C, native.ts: plan, attach) runs for SECONDS (default 60), from its
 * corpus in test/fuzz/corpus, led by the code that inputs reach. It must refuse what it cannot read with an error of the engine's own, in time,
 * and hold what test/fuzz/*-target*.ts say. --seed: the same inputs again. --keep: adds to the corpus what reaches
 * new code. Ends with "N passed, N failed"; the input of a failure is kept in a file.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { buildNative, NATIVE_TARGETS, runNative } from './native.ts';
import { SHARED, type Work } from './shared.ts';

const NAMES = ['tar', 'reference', 'manifest', 'config', ...NATIVE_TARGETS];
const AT_ONCE = 2;
/** No single input may take so long, however busy the machine is. */
const HANG_MS = 20_000;
const LOOK_MS = 250;
const HEAP_MB = 384;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, keep: { type: 'boolean' } },
});
const numbers = positionals.filter((word) => /^\d+$/.test(word));
const chosen = positionals.filter((word) => !/^\d+$/.test(word));
const unknown = chosen.find((name) => !NAMES.includes(name));
if (unknown !== undefined || numbers.length > 1) {
  process.stderr.write(`fuzz: give seconds and targets; there are: ${NAMES.join(', ')}\n`);
  process.exit(2);
}
const seconds = Number(numbers[0] ?? 60);
const seed = Number(values.seed ?? Date.now() % 1_000_000_000);

interface Outcome {
  failure?: string;
  runs: number;
  line: string;
}

/** Runs one target to its end, or to its first failure. */
function run(target: string): Promise<Outcome> {
  const shared = new SharedArrayBuffer(SHARED.bytes);
  const state = new Int32Array(shared, 0, 16);
  const corpus = `test/fuzz/corpus/${target}`;
  const work: Work = { target, seconds, seed, corpus, keep: values.keep === true, shared };
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: work,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  });
  return new Promise((resolve) => {
    let last = -1;
    let lastMs = Date.now();
    const end = (failure?: string): void => {
      clearInterval(watch);
      void worker.terminate();
      const [runs = 0, , reached = 0, inputs = 0] = state;
      const line = `${runs} inputs read, ${inputs} in the corpus, ${reached} characters of code reached`;
      resolve({ runs, line, ...(failure === undefined ? {} : { failure: `${failure}; ${saved()}` }) });
    };
    const saved = (): string => {
      const path = `/var/tmp/mydocker-fuzz-${target}-${seed}`;
      const length = state[SHARED.length] ?? 0;
      writeFileSync(path, new Uint8Array(shared, SHARED.inputAt).slice(0, length));
      return `its input: ${path}`;
    };
    const watch = setInterval(() => {
      const now = Date.now();
      if (state[SHARED.runs] !== last) [last, lastMs] = [state[SHARED.runs] ?? 0, now];
      else if (now - lastMs > HANG_MS) end(`no input was read in ${HANG_MS} ms`);
    }, LOOK_MS);
    worker.once('message', () => end());
    worker.once('error', (error: Error) => end(error.stack ?? String(error)));
  });
}

process.stdout.write(`fuzz: ${seconds} s a target, --seed=${seed}\n`);
const queue = chosen.length > 0 ? [...chosen] : [...NAMES];
const isNative = (name: string): boolean => NATIVE_TARGETS.includes(name);
if (queue.some(isNative)) buildNative();
let [passed, failed] = [0, 0];
async function next(): Promise<void> {
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const { failure, line, runs } = await (isNative(name) ? runNative(name, seconds, seed) : run(name));
    if (failure === undefined && runs > 0) passed++;
    else failed++;
    process.stdout.write(`${name}: ${line}\n${failure === undefined ? '' : `${name}: FAILED: ${failure}\n`}`);
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, next));
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
