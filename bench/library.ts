/** engine.run() in a warm process, and its floor: the same plan carried out by the shim alone, without TypeScript. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Core } from '../src/engine/core.ts';
import { createContainer } from '../src/engine/create.ts';
import { imageFor } from '../src/engine/images.ts';
import { launchPlan } from '../src/engine/launch-plan.ts';
import { writeNameFiles } from '../src/engine/name-files.ts';
import { prepareSpec } from '../src/engine/prepare.ts';
import type { Plan } from '../src/plan/index.ts';
import { encodeLaunch, readWhole, shimBinary } from '../src/shim/index.ts';
import { decodeReport } from '../src/shim/report.ts';
import { openReport } from '../src/shim/run.ts';
import { ownMark, readWiring, runDir } from '../src/storage/index.ts';
import { timeMs } from './command.ts';

/**
 * Milliseconds of one container's start, program and clean-up by the shim alone: plan, record and directories are
 * made before the clock starts; `change` leaves some of its steps out. Everything engine.run() takes beyond this is ours to save.
 */
export async function floorMs(
  clock: string,
  root: string,
  options: { network?: string; change?: (plan: Plan) => Plan } = {},
): Promise<number> {
  const { network = 'none', change = (plan: Plan) => plan } = options;
  const core = new Core({ root });
  core.prepare();
  const image = await imageFor(core, 'busybox');
  const spec = { image: 'busybox', command: ['true'], autoRemove: true, network } as const;
  const { record } = await createContainer(core, spec, image, await prepareSpec(core, spec, image), true);
  const plan = encodeLaunch(change(await launchPlan(core, record, 'inherit')), {
    detach: false,
    fault: undefined,
  });
  const directory = runDir(core.paths, record.id);
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(`${directory}/owner`, ownMark());
  writeFileSync(`${directory}/plan`, plan);
  writeNameFiles(core.paths, directory, record, readWiring(core.paths, record.id));
  const fds = [openSync(`${directory}/plan`, 'r'), openReport(`${root}/bin`)];
  try {
    const command = { argv: [shimBinary(root), 'launch', record.id.slice(0, 12)], env: {} };
    const ms = await timeMs(clock, command, 1, fds);
    const { ending, failure } = decodeReport(readWhole(fds[1] ?? -1));
    if (ending?.code !== 0) throw new Error(`the shim alone: ${failure?.errno ?? `exit ${ending?.code}`}`);
    return ms;
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

const BEFORE = 3;
export const APART_MS = 15;

/**
 * A run after some of its own kind. What one leaves to the background (the kernel ends a namespace, files are removed, the next
 * start is made ready) meets the next run of the same contestant, and is in nobody else's time.
 */
export async function amongItsOwn(once: () => Promise<number>): Promise<number> {
  for (let i = 0; i < BEFORE; i++) {
    await once();
    await sleep(APART_MS);
  }
  return once();
}

/** A warm process; see warm.ts. */
export class Warm {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(runtime: string, root: string, network = 'none') {
    const library = `${process.cwd()}/dist/lib/engine/index.js`;
    this.child = spawn(runtime, ['build/bench/warm.js', library, root, network], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH ?? '' },
    });
    const { stdout } = this.child;
    if (stdout === null) throw new Error('no pipe');
    this.lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    // EPIPE says less than the line that does not come.
    this.child.stdin?.on('error', () => {});
  }

  async runMs(): Promise<number> {
    this.child.stdin?.write('\n');
    const { value, done } = await this.lines.next();
    if (done === true) throw new Error('engine.run(): its process ended');
    if (!/^\d+$/.test(value)) throw new Error(`engine.run(): ${value}`);
    return Number(value) / 1e6;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.child.exitCode !== null) resolve();
      this.child.once('exit', () => resolve());
      this.child.stdin?.end();
    });
  }
}
