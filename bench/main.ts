/**
 * mydocker beside the other container tools of this machine, in one run.
 *
 *   npm run bench -- [--quick] [--write] [--install] [--only run,images,…]
 *
 * --quick    fewer rounds and containers, for a first look
 * --write    writes the tables to docs/benchmarks.md
 * --install  first installs docker.io, podman, runc, crun, docker-registry and curl from Debian
 * --only     these groups of rows alone: run bundle library idle list parallel images networks isolation filter memory
 *
 * Exit code 1 when a command failed or something could not be cleared away; 0 whatever the ratios.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measureBundle } from './bundle.ts';
import { buildClock } from './command.ts';
import { measureImages } from './images.ts';
import { measureFilter, measureIsolation, measureLeastMemory } from './isolation.ts';
import { machineFacts } from './machine.ts';
import {
  type Absent,
  type Bench,
  type Effort,
  measureIdle,
  measureLibrary,
  measureList,
  measureNetworks,
  measureParallel,
  measureRun,
} from './measure.ts';
import { readPrograms } from './page-cache.ts';
import { dockerPeer } from './peers/docker.ts';
import { mydockerPeer } from './peers/mydocker.ts';
import { ociPeer } from './peers/oci.ts';
import { type Peer, which } from './peers/peer.ts';
import { podmanPeer } from './peers/podman.ts';
import { closePlace, openPlace, type Place } from './place.ts';
import { comparisonText, type Facts, page, problems } from './report.ts';
import type { Measurement } from './series.ts';

const FULL: Effort = { rounds: 25, slowRounds: 3, listed: 200, listedRunning: 50, parallel: 100 };
const QUICK: Effort = { rounds: 5, slowRounds: 1, listed: 20, listedRunning: 5, parallel: 10 };
const PAGE = 'docs/benchmarks.md';

const say = (line: string): void => {
  process.stderr.write(`bench: ${line}\n`);
};

function install(): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const packages = ['docker.io', 'podman', 'runc', 'crun', 'docker-registry', 'curl'];
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    say(`apt-get ${args.join(' ')}`);
    const { status } = spawnSync('apt-get', args, { stdio: ['ignore', 2, 2], env });
    if (status !== 0) throw new Error(`apt-get ${args[0]} failed; the lines above say why`);
  }
}

/** Those that can take part; what keeps another out goes to `absent`. */
async function openPeers(place: Place, opened: Peer[], absent: Absent[]): Promise<Peer[]> {
  const able: Peer[] = [];
  const candidates: ReadonlyArray<readonly [program: string, peer: Peer]> = [
    ['runc', ociPeer(place, 'runc')],
    ['crun', ociPeer(place, 'crun')],
    ['dockerd', dockerPeer(place)],
    ['podman', podmanPeer(place)],
  ];
  for (const [program, peer] of candidates) {
    if (which(place, program) === undefined) {
      absent.push({ peer, brief: 'not installed', why: 'not installed; npm run bench -- --install' });
      continue;
    }
    say(`preparing ${peer.name}`);
    opened.push(peer);
    try {
      await peer.open();
      able.push(peer);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      absent.push({ peer, brief: 'cannot run here', why });
    }
  }
  return able;
}

async function toolFacts(bench: Bench): Promise<[string, string][]> {
  const list: [string, string][] = [];
  for (const peer of bench.peers) list.push([peer.name, await peer.version()]);
  const bun = spawnSync(bench.bun, ['--version'], { encoding: 'utf8' }).stdout.trim();
  return [...list, ['Node', process.versions.node], ['Bun', bun]];
}

type Group = (bench: Bench, place: Place) => Promise<readonly Measurement[]>;

/** Every row, by the word --only knows it by. */
const GROUPS: Readonly<Record<string, Group>> = {
  run: async (bench) => [await measureRun(bench)],
  bundle: measureBundle,
  library: async (bench) => [await measureLibrary(bench)],
  idle: measureIdle,
  list: async (bench) => [await measureList(bench)],
  parallel: async (bench) => [await measureParallel(bench)],
  images: measureImages,
  networks: (bench, place) => measureNetworks(bench, place.directory),
  isolation: async (bench) => [await measureIsolation(bench)],
  filter: async (bench, place) => [await measureFilter(bench, place.directory)],
  memory: async (bench) => [await measureLeastMemory(bench)],
};

/** The groups --only names; all without it. */
function groupsOf(only: string | undefined): Group[] {
  if (only === undefined) return Object.values(GROUPS);
  return only.split(',').map((word) => {
    const group = GROUPS[word];
    if (group === undefined) throw new Error(`--only takes: ${Object.keys(GROUPS).join(', ')}`);
    return group;
  });
}

async function measureAll(bench: Bench, place: Place, only: string | undefined): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const measure of groupsOf(only)) rows.push(...(await measure(bench, place)));
  return rows;
}

function show(facts: Facts, rows: readonly Measurement[]): void {
  const pairs = [...facts.machine, ...facts.tools].map(([label, text]) => `${label}: ${text}`);
  const absent = facts.absent.map(([tool, why]) => `not measured: ${tool}: ${why}`);
  const failed = problems(rows).map((line) => `failed: ${line}`);
  process.stdout.write(`${[comparisonText(rows), '', ...failed, ...absent, ...pairs].join('\n')}\n`);
}

async function run(
  place: Place,
  opened: Peer[],
  options: { quick: boolean; write: boolean; only?: string | undefined },
): Promise<boolean> {
  let stopped = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (!stopped) say(`${signal}: clearing up`);
      stopped = true;
    });
  const machine = machineFacts();
  readPrograms(place, 'dist/mydocker', 'node_modules/.bin/bun');
  const ours = mydockerPeer(place);
  opened.push(ours);
  await ours.open();
  const absent: Absent[] = [];
  const bench: Bench = {
    clock: await buildClock(place.directory),
    effort: options.quick ? QUICK : FULL,
    peers: [ours, ...(await openPeers(place, opened, absent))],
    absent,
    root: `${place.directory}/mydocker`,
    bun: 'node_modules/.bin/bun',
    check: () => {
      if (stopped) throw new Error('stopped');
    },
  };
  const tools = await toolFacts(bench);
  const rows = await measureAll(bench, place, options.only);
  const date = new Date().toISOString().slice(0, 10);
  const facts: Facts = {
    machine,
    tools,
    absent: absent.map(({ peer, why }): [string, string] => [peer.name, why]),
    date,
    quick: options.quick,
  };
  show(facts, rows);
  if (options.write) {
    writeFileSync(PAGE, page(facts, rows));
    say(`written: ${PAGE}`);
  }
  return problems(rows).length === 0;
}

/** Each tool ends its own; then whatever is left below the bench's directory goes. */
async function clear(place: Place, opened: readonly Peer[]): Promise<boolean> {
  let clean = true;
  for (const peer of opened) {
    await peer.close().catch((error: unknown) => {
      clean = false;
      say(`clearing up after ${peer.name}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
  const left = closePlace(place);
  if (left.length > 0) say(`could not be cleared away: ${left.join('; ')}`);
  return clean && left.length === 0;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean' },
      write: { type: 'boolean' },
      install: { type: 'boolean' },
      only: { type: 'string' },
    },
  });
  groupsOf(values.only);
  if (values.only !== undefined && values.write === true)
    throw new Error('--write needs all rows: leave out --only');
  if (process.geteuid?.() !== 0) throw new Error('this needs root, as containers do; run it with sudo');
  if (!existsSync('dist/mydocker')) throw new Error('there is no dist/mydocker; run "npm run build" first');
  if (values.install === true) install();
  const place = openPlace();
  const opened: Peer[] = [];
  let good = false;
  try {
    good = await run(place, opened, {
      quick: values.quick === true,
      write: values.write === true,
      only: values.only,
    });
  } finally {
    if (!(await clear(place, opened))) good = false;
  }
  return good ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exit(1);
  },
);
