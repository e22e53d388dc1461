/** The measurements, each of all tools in turn: a slow minute of the machine is slow for everybody. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, execute, lastWords, output, timeMs } from './command.ts';
import { APART_MS, amongItsOwn, floorMs, Warm } from './library.ts';
import { pssKb } from './memory.ts';
import type { Peer, Store } from './peers/peer.ts';
import type { Measurement, Series } from './series.ts';

/** How much is measured. */
export interface Effort {
  rounds: number;
  /** Rounds of what takes seconds. */
  slowRounds: number;
  /** Containers that `ps` lists, and how many of them run. */
  listed: number;
  listedRunning: number;
  /** Containers started at once. */
  parallel: number;
}

export interface Absent {
  peer: Peer;
  brief: string;
  why: string;
}

export interface Bench {
  clock: string;
  effort: Effort;
  /** Ours first. */
  peers: readonly Peer[];
  /** Tools that do not take part: why, in a few words and in their own. */
  absent: readonly Absent[];
  /** Root directory of the engine, for the library. */
  root: string;
  bun: string;
  /** Throws when the user wants to stop. */
  check(): void;
}

type Keeper = Peer & { store: Store };

export interface Contestant {
  tool: string;
  once(): Promise<number>;
}

const WARM_UPS = 2;
const PAUSE_MS = 150;
const SETUP_AT_ONCE = 4;
/** A monitor's memory is read when its container's start is well over. */
const SETTLE_MS = 500;

const say = (line: string): void => {
  process.stderr.write(`bench: ${line}\n`);
};

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * A B C A B C …; who fails is out, and its series says why. `pauseMs` before each: what a daemon or a clean-up in
 * the background still does for the one before must not be counted against the next.
 */
export async function inTurn(
  bench: Pick<Bench, 'check'>,
  contestants: readonly Contestant[],
  rounds: number,
  warmUps: number,
  pauseMs = PAUSE_MS,
): Promise<Series[]> {
  const series = contestants.map(({ tool }): Series => ({ tool, samples: [] }));
  for (let round = -warmUps; round < rounds; round++) {
    // Nobody always comes first, or always behind the same other.
    for (const turn of contestants.keys()) {
      const i = (turn + round + warmUps) % contestants.length;
      const contestant = contestants[i];
      if (contestant === undefined) continue;
      bench.check();
      const mine = series[i];
      if (mine === undefined || mine.failure !== undefined) continue;
      await sleep(pauseMs);
      try {
        const sample = await contestant.once();
        if (round >= 0) mine.samples.push(sample);
      } catch (error) {
        mine.failure = words(error);
        mine.samples = [];
      }
    }
  }
  return series;
}

/** In the order of the tools, ours first; then those that do not take part. */
export const complete = (bench: Bench, series: readonly Series[], who: (peer: Peer) => boolean): Series[] => [
  ...bench.peers.flatMap((peer) => series.filter(({ tool }) => tool === peer.name)),
  ...bench.absent
    .filter(({ peer }) => who(peer))
    .map(({ peer, brief }) => ({ tool: peer.name, samples: [], absent: brief })),
];

const everybody = (): boolean => true;
const isKeeper = (peer: Peer): peer is Keeper => peer.store !== undefined;
const isWatching = (peer: Peer): boolean => peer.monitorPid !== undefined;

const commandOf = (bench: Bench, peers: readonly Peer[], make: (peer: Peer) => Command): Contestant[] =>
  peers.map((peer) => ({ tool: peer.name, once: () => timeMs(bench.clock, make(peer)) }));

export async function measureRun(bench: Bench): Promise<Measurement> {
  say('run --rm, whole process');
  const contestants = commandOf(bench, bench.peers, (peer) => peer.runTrue());
  return {
    title: 'run --rm --network none busybox true',
    unit: 'ms',
    ours: 1,
    series: complete(bench, await inTurn(bench, contestants, bench.effort.rounds, WARM_UPS), everybody),
    targets: [
      { against: 'runc', factor: 0.6, words: '≤ 0.6' },
      { against: 'docker', factor: 1 / 12, words: '≤ 1/12 (0.083)' },
    ],
    note: 'the whole process, from its start to its end; runc and crun get the same root file system unpacked, and their own default configuration',
  };
}

export async function measureLibrary(bench: Bench): Promise<Measurement> {
  say('engine.run() in a warm process');
  const warm = [
    { tool: 'engine.run(), Node', process: new Warm(process.execPath, bench.root) },
    { tool: 'engine.run(), Bun', process: new Warm(bench.bun, bench.root) },
  ];
  const floor = { tool: 'shim alone', once: () => floorMs(bench.clock, bench.root) };
  try {
    const ours = warm.map(({ tool, process: child }) => ({ tool, once: () => child.runMs() }));
    const each = [...ours, floor].map(({ tool, once }) => ({ tool, once: () => amongItsOwn(once) }));
    return {
      title: 'engine.run() of true, warm',
      unit: 'ms',
      ours: ours.length,
      series: await inTurn(bench, each, bench.effort.rounds, WARM_UPS, APART_MS),
      targets: [{ against: 'shim alone', factor: 2, words: '≤ 2' }],
      note: 'each run after three of its own kind, 15 ms apart; the floor is the same launch plan carried out by the shim, started by a C program: mounts, namespaces, cgroups, clean-up, but no TypeScript',
    };
  } finally {
    for (const { process: child } of warm) await child.close();
  }
}

/** One idle container of each tool: what `exec` and the monitor's memory are about. */
export async function measureIdle(bench: Bench): Promise<Measurement[]> {
  say('exec, memory of an idle container');
  const opened = new Map<Peer, string | undefined>();
  for (const peer of bench.peers) opened.set(peer, await peer.openIdle().then(() => undefined, words));
  await sleep(SETTLE_MS);
  const able = bench.peers.filter((peer) => opened.get(peer) === undefined);
  const lost = bench.peers.flatMap((peer): Series[] => {
    const failure = opened.get(peer);
    return failure === undefined ? [] : [{ tool: peer.name, samples: [], failure }];
  });
  const memory = able.flatMap(({ name, monitorPid }): Contestant[] =>
    monitorPid === undefined ? [] : [{ tool: name, once: async () => pssKb(await monitorPid()) }],
  );
  const execs = commandOf(bench, able, (peer) => peer.execTrue());
  const exec = await inTurn(bench, execs, bench.effort.rounds, WARM_UPS);
  const pss = await inTurn(bench, memory, bench.effort.slowRounds, 0);
  const rows: Measurement[] = [
    {
      title: 'exec of true',
      unit: 'ms',
      ours: 1,
      series: complete(bench, [...exec, ...lost], everybody),
      targets: [{ against: 'docker', factor: 1 / 4, words: '≤ 1/4 (0.250)' }],
    },
    {
      title: 'monitor of an idle container, PSS',
      unit: 'kB',
      ours: 1,
      series: complete(bench, [...pss, ...lost], isWatching),
      targets: [{ limit: 100, words: '≤ 100 kB' }],
      note: 'beside the container’s own process: mydocker’s shim, docker’s containerd-shim, podman’s conmon; the daemons dockerd and containerd are not counted, runc and crun have none',
    },
  ];
  for (const peer of bench.peers) await peer.store?.removeAll();
  return rows;
}

/** Does a job a number of times, a few at once. */
async function repeat(times: number, job: () => Promise<unknown>): Promise<void> {
  let left = times;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await job();
  };
  await Promise.all(Array.from({ length: SETUP_AT_ONCE }, worker));
}

const keepers = (bench: Bench): Keeper[] => bench.peers.filter(isKeeper);

async function fill(store: Store, effort: Effort): Promise<void> {
  await repeat(effort.listed, () => output(store.create()));
  const ids = (await store.ids(false)).slice(0, effort.listedRunning);
  await output(store.start(ids));
  const running = (await store.ids(true)).length;
  const all = (await store.ids(false)).length;
  if (all !== effort.listed || running !== ids.length)
    throw new Error(
      `there should be ${effort.listed} containers, ${ids.length} running: found ${all} and ${running}`,
    );
}

export async function measureList(bench: Bench): Promise<Measurement> {
  const { listed, listedRunning, rounds } = bench.effort;
  const able: Keeper[] = [];
  const lost: Series[] = [];
  for (const peer of keepers(bench)) {
    bench.check();
    say(`ps: ${peer.name}: creating ${listed} containers, starting ${listedRunning}`);
    const failure = await fill(peer.store, bench.effort).then(() => undefined, words);
    if (failure === undefined) able.push(peer);
    else lost.push({ tool: peer.name, samples: [], failure });
  }
  const contestants = able.map((peer) => ({
    tool: peer.name,
    once: () => timeMs(bench.clock, peer.store.list()),
  }));
  const listing = await inTurn(bench, contestants, rounds, WARM_UPS);
  for (const peer of keepers(bench)) await peer.store.removeAll();
  return {
    title: `ps -a of ${listed} containers, ${listedRunning} running`,
    unit: 'ms',
    ours: 1,
    series: complete(bench, [...listing, ...lost], isKeeper),
    targets: [{ limit: 60, words: '≤ 60 ms' }],
  };
}

async function startMany(bench: Bench, peer: Keeper): Promise<number> {
  const { parallel } = bench.effort;
  try {
    const ms = await timeMs(bench.clock, peer.store.runIdle(), parallel);
    const running = (await peer.store.ids(true)).length;
    if (running !== parallel) throw new Error(`${parallel} were started, ${running} run`);
    return ms;
  } finally {
    await peer.store.removeAll();
  }
}

export async function measureParallel(bench: Bench): Promise<Measurement> {
  const { parallel, slowRounds } = bench.effort;
  say(`run -d, ${parallel} at once`);
  const contestants = keepers(bench).map((peer) => ({
    tool: peer.name,
    once: () => startMany(bench, peer),
  }));
  return {
    title: `run -d, ${parallel} at once`,
    unit: 'ms',
    ours: 1,
    series: complete(bench, await inTurn(bench, contestants, slowRounds, 0), isKeeper),
    targets: [{ against: 'docker', factor: 1 / 4, words: '≤ 1/4 (0.250)' }],
    note: 'from the first start to when all have said that their container runs; checked by counting',
  };
}

/** What networks cost: network.ts, in a network namespace of its own. */
export async function measureNetworks(bench: Bench, directory: string): Promise<Measurement[]> {
  const script = `${process.cwd()}/build/bench/network.js`;
  const args = [directory, bench.clock, String(bench.effort.rounds), bench.bun];
  const env = { PATH: process.env.PATH ?? '' };
  const inside = await execute(
    { argv: ['unshare', '--net', process.execPath, script, ...args], env },
    [],
    3_600_000,
  );
  const { stdout, stderr, code } = inside;
  if (code === 0) return JSON.parse(stdout) as Measurement[];
  const series = [{ tool: 'mydocker', samples: [], failure: lastWords(stderr) }];
  return [{ title: 'networks', unit: 'ms', ours: 1, series, targets: [] }];
}
