/**
 * What networks cost, in a network namespace of the bench's own, with another host on a wire. main.ts starts it:
 *
 *   unshare --net node build/bench/network.js DIRECTORY CLOCK ROUNDS BUN
 *
 * Prints a JSON list of measurements. The host's own network is not touched.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { execute, output, timeMs } from './command.ts';
import { APART_MS, amongItsOwn, floorMs, Warm } from './library.ts';
import { inTurn } from './measure.ts';
import { Bed, type NetTool } from './network-bed.ts';
import { ROOTFS_TAR } from './peers/peer.ts';
import type { Measurement, Series } from './series.ts';

const [directory = '', clock = '', roundsText = '5', bun = ''] = process.argv.slice(2);
const rounds = Number(roundsText);
const slow = Math.max(1, Math.floor(rounds / 5));
/** A second each, and they differ by some hundredths. */
const streams = Math.max(3, Math.floor(rounds / 2));
const WARM_UPS = 1;
const BYTES = '2G';
const bench = { check: () => undefined };
const rows: Measurement[] = [];

const say = (line: string): void => {
  process.stderr.write(`bench: ${line}\n`);
};
const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function runs(bed: Bed): Promise<void> {
  say('run --rm on the default network');
  const none = 'mydocker, --network none';
  const contestants = bed.tools.map((tool) => ({
    tool: tool.name,
    once: () => timeMs(clock, tool.command('run', '--rm', ...tool.flags, 'busybox', 'true')),
  }));
  const [ours, ...others] = contestants;
  if (ours === undefined) return;
  const own = bed.ours.command('run', '--rm', '--network', 'none', 'busybox', 'true');
  const list = [ours, { tool: none, once: () => timeMs(clock, own) }, ...others];
  rows.push({
    title: 'run --rm busybox true, default network',
    unit: 'ms',
    ours: 1,
    series: [...(await inTurn(bench, list, rounds, WARM_UPS)), ...bed.lost],
    targets: [
      { against: 'docker', factor: 1 / 12, words: '≤ 1/12 (0.083)' },
      { against: 'podman', factor: 1 / 12, words: '≤ 1/12 (0.083)' },
      { against: none, factor: 1.5, words: '≤ 1.5' },
    ],
    note: 'the whole process; each with its own bridge, veth pair and masquerading',
  });
}

async function library(bed: Bed): Promise<void> {
  say('engine.run() on the default network');
  const warm = [
    { tool: 'engine.run(), Node', process: new Warm(process.execPath, bed.root, 'bridge') },
    { tool: 'engine.run(), Bun', process: new Warm(bun, bed.root, 'bridge') },
  ];
  try {
    const ours = warm.map(({ tool, process: child }) => ({ tool, once: () => child.runMs() }));
    const floor = { tool: 'shim alone', once: () => floorMs(clock, bed.root, { network: 'bridge' }) };
    const bare = { tool: 'bare C program', once: await bareProgram() };
    const each = [...ours, bare, floor].map(({ tool, once }) => ({ tool, once: () => amongItsOwn(once) }));
    rows.push({
      title: 'engine.run() of true on the default network, warm',
      unit: 'ms',
      ours: ours.length,
      series: await inTurn(bench, each, rounds, 2, APART_MS),
      targets: [{ against: 'bare C program', factor: 2, words: '≤ 2' }],
      note: 'each run after three of its own kind, 15 ms apart; the bare C program makes a bridge, a veth pair on it, namespaces and an overlay, and execs (bench/floor.c); the shim alone carries out the whole plan of a container: cgroups, devices, masks, filter, log, record and clean-up',
    });
  } finally {
    for (const { process: child } of warm) await child.close();
  }
}

/** The least that a container on a network is made of: floor.c. */
async function bareProgram(): Promise<() => Promise<number>> {
  const at = `${directory}/floor`;
  const env = { PATH: process.env.PATH ?? '' };
  mkdirSync(`${at}/lower`, { recursive: true });
  for (const line of [`cc -O2 -Wall -o ${at}/floor bench/floor.c`, `tar -xpf ${ROOTFS_TAR} -C ${at}/lower`])
    await output({ argv: line.split(' '), env });
  let count = 0;
  return () => timeMs(clock, { argv: [`${at}/floor`, at, String(count++)], env });
}

/** iperf3 between two namespaces: milliseconds for so many bytes. */
async function iperf(from: string, server: string, to: string, port: number): Promise<number> {
  const at = [
    'nsenter',
    `--net=${server}`,
    'iperf3',
    '-s',
    '-1',
    '-D',
    '-p',
    String(port === 5201 ? port : 5202),
  ];
  await output({ argv: at, env: {} });
  await sleep(200);
  const argv = ['nsenter', `--net=${from}`, 'iperf3', '-c', to, '-p', String(port), '-n', BYTES, '--json'];
  const report = JSON.parse(await output({ argv, env: {} })) as {
    end: { sum_received: { seconds: number } };
  };
  return report.end.sum_received.seconds * 1000;
}

async function throughput(bed: Bed): Promise<void> {
  say('iperf3');
  const out: Array<{ tool: string; once(): Promise<number> }> = [];
  const published: typeof out = [];
  const failed: Series[] = [];
  for (const [i, tool] of bed.tools.entries()) {
    const port = 5300 + i;
    try {
      const flags = [...tool.flags, '--name', 'wire', '-p', `${port}:5202`];
      await output(tool.command('run', '-d', ...flags, 'busybox', 'sleep', '100000'));
      const pid = await output(tool.command('inspect', '--format', '{{.State.Pid}}', 'wire'));
      const inside = `/proc/${pid}/ns/net`;
      out.push({ tool: tool.name, once: () => iperf(inside, bed.host, bed.hostIp, 5201) });
      published.push({ tool: tool.name, once: () => iperf(bed.other, inside, bed.hostIp, port) });
    } catch (error) {
      failed.push({ tool: tool.name, samples: [], failure: words(error) });
    }
  }
  for (const [what, list] of [
    ['container → host', out],
    ['another host → published port', published],
  ] as const)
    rows.push({
      title: `iperf3, ${BYTES}B: ${what}`,
      unit: 'ms',
      ours: 1,
      series: [...(await inTurn(bench, list, streams, 1)), ...failed],
      targets: [{ against: 'docker', factor: 1, words: '≤ 1' }],
      note: 'time for two gigabytes over one TCP connection',
    });
  for (const tool of bed.tools) await execute(tool.command('rm', '-f', 'wire'));
}

/** Names of a container in a user network, asked of its resolver by dns.c. */
async function names(bed: Bed): Promise<void> {
  say('names');
  const { ours } = bed;
  await output({
    argv: ['cc', '-O2', '-Wall', '-o', `${directory}/dns`, 'bench/dns.c'],
    env: { PATH: process.env.PATH ?? '' },
  });
  await output(ours.command('network', 'create', 'named'));
  await output(
    ours.command('run', '-d', '--name', 'asker', '--network', 'named', 'busybox', 'sleep', '100000'),
  );
  const pid = await output(ours.command('inspect', '--format', '{{.State.Pid}}', 'asker'));
  const ask = async (count: number, window: number): Promise<readonly [all: number, median: number]> => {
    const dns = [`${directory}/dns`, '127.0.0.11', 'asker', String(count), String(window)];
    const text = await output({ argv: ['nsenter', `--net=/proc/${pid}/ns/net`, ...dns], env: {} });
    const [all = 0, median = 0] = text.split(' ').map(Number);
    return [all / 1e6, median / 1e6];
  };
  const row = (title: string, limit: number, said: string, series: Series[]): Measurement => ({
    title,
    unit: 'ms',
    ours: 1,
    series,
    targets: [{ limit, words: said }],
  });
  const many = [{ tool: 'mydocker', once: async () => (await ask(20_000, 32))[0] }];
  rows.push(row('20,000 names answered, 32 at once', 1000, '≤ 1000 ms', await inTurn(bench, many, slow, 1)));
  const one = [{ tool: 'mydocker', once: async () => (await ask(2000, 1))[1] }];
  rows.push(row('a name answered, median', 0.2, '≤ 0.2 ms', await inTurn(bench, one, slow, 1)));
  await output(ours.command('rm', '-f', 'asker'));
  await output(ours.command('network', 'rm', 'named'));
}

/** True once a program can listen there. */
function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });
}

async function freed(bed: Bed): Promise<void> {
  say('stop, until the port is free');
  const once = async (tool: NetTool): Promise<number> => {
    const flags = [...tool.flags, '--name', 'held', '-p', '5400:80'];
    await output(tool.command('run', '-d', ...flags, 'busybox', 'sleep', '100000'));
    const from = process.hrtime.bigint();
    await output(tool.command('stop', '-t', '1', 'held'));
    while (!(await canListen(5400))) await sleep(1);
    const ms = Number(process.hrtime.bigint() - from) / 1e6;
    await output(tool.command('rm', '-f', 'held'));
    return ms;
  };
  const contestants = bed.tools.map((tool) => ({ tool: tool.name, once: () => once(tool) }));
  rows.push({
    title: 'stop, until the published port is free',
    unit: 'ms',
    ours: 1,
    series: await inTurn(bench, contestants, slow, 0),
    targets: [{ limit: 50, words: '≤ 50 ms' }],
    note: 'from the start of the command; sleep handles no signal: docker and podman wait a second for it',
  });
}

async function main(): Promise<void> {
  mkdirSync(`${directory}/network`, { recursive: true });
  const bed = new Bed(`${directory}/network`);
  try {
    await bed.open();
    for (const part of [runs, library, throughput, names, freed]) {
      try {
        await part(bed);
      } catch (error) {
        say(words(error));
        const series = [{ tool: 'mydocker', samples: [], failure: words(error) }];
        rows.push({ title: `networks: ${part.name}`, unit: 'ms', ours: 1, series, targets: [] });
      }
    }
  } finally {
    await bed.close();
  }
  process.stdout.write(`${JSON.stringify(rows)}\n`);
}

if (spawnSync('ip', ['link', 'set', 'lo', 'up']).status !== 0) throw new Error('ip(8) of iproute2 is needed');
await main();
