/** What isolation costs: at the start, at every system call, in memory. */
import type { Plan, Step } from '../src/plan/index.ts';
import { execute, output } from './command.ts';
import { floorMs } from './library.ts';
import { type Bench, complete, inTurn } from './measure.ts';
import type { Peer } from './peers/peer.ts';
import type { Measurement } from './series.ts';

const CALLS = 2_000_000;
const KB = 1024;

const say = (line: string): void => {
  process.stderr.write(`bench: ${line}\n`);
};

/** The stopwatch of system calls, getppid.c, compiled into a directory that containers can mount; its path. */
async function buildGetppid(directory: string): Promise<string> {
  const path = `${directory}/getppid`;
  const env = { PATH: process.env.PATH ?? '' };
  await output({ argv: ['cc', '-O2', '-Wall', '-static', '-o', path, 'bench/getppid.c'], env });
  return path;
}

/** getppid in a loop under the default filter of each tool that has one, and under none. */
export async function measureFilter(bench: Bench, directory: string): Promise<Measurement> {
  say('getppid under the seccomp filter');
  const program = await buildGetppid(directory);
  const timed = (peer: Peer, flags: readonly string[]) => async () => {
    const command = peer.runProgram?.(program, [String(CALLS)], flags);
    if (command === undefined) throw new Error('it runs no program of the host');
    return Number(await output(command)) / 1e6;
  };
  const able = bench.peers.filter((peer) => peer.runProgram !== undefined);
  const contestants = able.map((peer) => ({ tool: peer.name, once: timed(peer, []) }));
  const [ours] = able;
  const free =
    ours === undefined
      ? []
      : [{ tool: 'no filter', once: timed(ours, ['--security-opt', 'seccomp=unconfined']) }];
  const series = await inTurn(bench, [...contestants, ...free], bench.effort.rounds, 1);
  return {
    title: `getppid, ${CALLS / 1e6} million times, default seccomp filter`,
    unit: 'ms',
    ours: 1,
    series: [
      ...complete(bench, series, (peer) => peer.runProgram !== undefined),
      ...series.filter(({ tool }) => tool === 'no filter'),
    ],
    targets: [{ against: 'docker', factor: 1, words: '≤ 1' }],
    note: 'measured by the program itself, in its container',
  };
}

/** Steps that only isolate: without them the program would run in its namespaces and its root all the same. */
function isIsolation(step: Step): boolean {
  const own = ['seccomp', 'capabilities', 'limit-capabilities', 'no-new-privs', 'mask', 'bpf-device'];
  if (own.includes(step.op) || step.undo?.op === 'kill-cgroup') return true;
  const inCgroup = (path: string): boolean => path.startsWith('/sys/fs/cgroup/');
  if (step.where !== 'init') return 'path' in step && inCgroup(step.path) && step.op !== 'freezer';
  if (step.op === 'write') return inCgroup(step.path);
  const readOnly = step.op === 'mount' || step.op === 'mount-setattr';
  return readOnly && step.target.startsWith('/proc/');
}

/** The same launch with and without: the shim alone, so that nothing else is in the difference. */
export async function measureIsolation(bench: Bench): Promise<Measurement> {
  say('start cost of isolation');
  const without = (plan: Plan): Plan => ({ steps: plan.steps.filter((step) => !isIsolation(step)) });
  const once = async (): Promise<number> => {
    const all = await floorMs(bench.clock, bench.root);
    return all - (await floorMs(bench.clock, bench.root, { change: without }));
  };
  const contestants = [{ tool: 'all less none', once }];
  return {
    title: 'start with all isolation, over none',
    unit: 'ms',
    ours: 1,
    series: await inTurn(bench, contestants, bench.effort.rounds, 2),
    targets: [{ limit: 2, words: '≤ 2 ms' }],
    note: 'seccomp filter, capabilities, masked and read-only paths, cgroups with their device rules, made and cleared away again; namespaces and mounts are in both; the shim alone, each value the difference of two starts one after the other',
  };
}

const TRIES = 3;
const STEP_KB = 64;
const MOST_KB = 2048;

/** The least limit with which a shell runs a pipe, three times of three; from above, in steps. */
async function leastMemoryKb(run: (kb: number) => Promise<boolean>): Promise<number> {
  let least = Number.NaN;
  for (let kb = MOST_KB; kb > 0; kb -= STEP_KB) {
    for (let tries = 0; tries < TRIES; tries++) if (!(await run(kb))) return least;
    least = kb;
  }
  return least;
}

export async function measureLeastMemory(bench: Bench): Promise<Measurement> {
  say('smallest memory limit');
  const [ours] = bench.peers;
  const once = (): Promise<number> =>
    leastMemoryKb(async (kb) => {
      bench.check();
      const command = ours?.runLimited?.(kb * KB, ['sh', '-c', 'echo ok | cat >/file; cat /file']);
      if (command === undefined) throw new Error('it sets no limits');
      const { code, stdout } = await execute(command);
      return code === 0 && stdout.trim() === 'ok';
    });
  return {
    title: 'smallest memory limit a busybox container works with',
    unit: 'kB',
    ours: 1,
    series: await inTurn(bench, [{ tool: 'mydocker', once }], bench.effort.slowRounds, 0),
    targets: [{ limit: 1024, words: '≤ 1024 kB' }],
    note: `a shell with a pipe and a file, ${TRIES} times of ${TRIES}; looked for in steps of ${STEP_KB} kB; kB are 1024 bytes here`,
  };
}
