/** One target's loop, in a thread of its own: main.ts watches it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Coverage } from './coverage.ts';
import { mutate, randomFrom } from './mutate.ts';
import { SHARED, type Work } from './shared.ts';
import { tarTarget } from './tar-target.ts';
import type { Target } from './target.ts';
import { configTarget, manifestTarget, referenceTarget } from './text-targets.ts';

const TARGETS: readonly Target[] = [tarTarget, referenceTarget, manifestTarget, configTarget];
/** Inputs between two looks at what they reached: a look takes longer than they do. */
const BATCH = 128;
/** No input of this size needs as long, on any machine. */
const SLOW_MS = 1000;
const MAX_BUFFERS_BYTES = 256 * 2 ** 20;

class Loop {
  private readonly numbers: Int32Array;
  private readonly shown: Uint8Array;
  private readonly coverage = new Coverage();
  private readonly corpus: Buffer[] = [];

  constructor(
    private readonly target: Target,
    private readonly work: Work,
  ) {
    this.numbers = new Int32Array(work.shared, 0, 16);
    this.shown = new Uint8Array(work.shared, SHARED.inputAt);
  }

  private once(input: Buffer): void {
    this.shown.set(input.subarray(0, this.shown.length));
    this.numbers[SHARED.length] = input.length;
    this.target.read(input);
    this.numbers[SHARED.runs] = (this.numbers[SHARED.runs] ?? 0) + 1;
  }

  /** Throws for what must not happen; a slow machine gets three tries. */
  private read(input: Buffer): void {
    for (let tries = 1; ; tries++) {
      const from = performance.now();
      this.once(input);
      const ms = performance.now() - from;
      if (ms < SLOW_MS) return;
      if (tries === 3) throw new Error(`it took ${Math.round(ms)} ms`);
    }
  }

  private keep(input: Buffer): void {
    this.corpus.push(input);
    this.numbers[SHARED.corpus] = this.corpus.length;
    const { seed, corpus, keep } = this.work;
    if (keep) writeFileSync(`${corpus}/found-${seed}-${this.corpus.length}`, input);
  }

  /** Finds those of a batch that reach something new, by halves. */
  private sift(batch: readonly Buffer[]): void {
    for (const input of batch) this.once(input);
    if (!this.coverage.take(batch.length === 1)) return;
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) {
      this.keep(only);
      return;
    }
    const middle = batch.length >> 1;
    this.sift(batch.slice(0, middle));
    this.sift(batch.slice(middle));
  }

  private made(random: (below: number) => number): Buffer {
    const [one, other] = [0, 1].map(() => this.corpus[random(this.corpus.length)] ?? Buffer.alloc(0));
    const input = mutate(one ?? Buffer.alloc(0), random, other ?? Buffer.alloc(0), this.target.words);
    return this.target.repair !== undefined && random(8) > 0 ? this.target.repair(input) : input;
  }

  run(): void {
    const { seconds, seed, corpus } = this.work;
    const end = Date.now() + seconds * 1000;
    for (const name of readdirSync(corpus).sort()) {
      const input = readFileSync(`${corpus}/${name}`);
      this.read(input);
      this.corpus.push(input);
    }
    this.coverage.take(true);
    this.numbers[SHARED.corpus] = this.corpus.length;
    const random = randomFrom(seed);
    while (Date.now() < end) {
      const batch = Array.from({ length: BATCH }, () => this.made(random));
      for (const input of batch) this.read(input);
      if (this.coverage.take(false)) this.sift(batch);
      this.numbers[SHARED.reached] = this.coverage.reached;
      const { arrayBuffers } = process.memoryUsage();
      if (arrayBuffers > MAX_BUFFERS_BYTES) throw new Error(`${arrayBuffers} bytes of buffers are held`);
    }
  }
}

// Most inputs end in an error: its stack costs more than what is looked for.
Error.stackTraceLimit = 5;
const work = workerData as Work;
const target = TARGETS.find(({ name }) => name === work.target);
if (target === undefined) throw new Error(`no target ${work.target}`);
new Loop(target, work).run();
parentPort?.postMessage('done');
