/** `run` of one bundle by OCI runtimes, and podman with each of them. */
import { mkdirSync } from 'node:fs';
import { type Command, output, timeMs } from './command.ts';
import { type Bench, type Contestant, inTurn } from './measure.ts';
import { makeBundle } from './peers/oci.ts';
import { which } from './peers/peer.ts';
import type { Place } from './place.ts';
import type { Measurement } from './series.ts';

const WARM_UPS = 2;
const OURS = 'mydocker oci';

const say = (line: string): void => {
  process.stderr.write(`bench: ${line}\n`);
};

/** The runtime as podman is told of it. */
const program = (): string => `${process.cwd()}/mydocker-oci`;

function environment(place: Place): Record<string, string> {
  return { ...place.env, MYDOCKER_ROOT: `${place.directory}/mydocker` };
}

async function runtimes(bench: Bench, place: Place): Promise<Contestant[]> {
  const directory = `${place.directory}/oci`;
  mkdirSync(directory);
  const found = ['runc', 'crun'].filter((tool) => bench.peers.some(({ name }) => name === tool));
  const paths: Array<readonly [tool: string, path: string]> = [
    [OURS, program()],
    ...found.map((tool) => [tool, which(place, tool) ?? tool] as const),
  ];
  // The same bundle for all: the first other runtime's own default configuration, or ours.
  const [maker = 'mydocker'] = found;
  const env = environment(place);
  const bundle = await makeBundle(place, maker, 'by-all', ['true'], found[0] ?? program());
  let runs = 0;
  return paths.map(([tool, path], i) => ({
    tool,
    once: () => {
      const argv = [path, '--root', `${directory}/${i}`, 'run', '--bundle', bundle, `true-${runs++}`];
      return timeMs(bench.clock, { argv, env });
    },
  }));
}

/** podman's own `run` of true, told to use this runtime. */
function withRuntime(command: Command, path: string, place: Place): Command {
  const at = command.argv.indexOf('run');
  const argv = [...command.argv.slice(0, at), '--runtime', path, ...command.argv.slice(at)];
  return {
    argv,
    env: { ...environment(place), ...command.env, MYDOCKER_ROOT: `${place.directory}/mydocker` },
  };
}

async function throughPodman(bench: Bench, place: Place): Promise<Measurement[]> {
  const podman = bench.peers.find(({ name }) => name === 'podman');
  const runc = which(place, 'runc');
  if (podman === undefined || runc === undefined) return [];
  say('podman run, with each runtime');
  const by = (tool: string, path: string): Contestant => ({
    tool,
    once: () => timeMs(bench.clock, withRuntime(podman.runTrue(), path, place)),
  });
  const contestants = [by(`podman, ${OURS}`, program()), by('podman, runc', runc)];
  return [
    {
      title: 'podman run --rm of true, by runtime',
      unit: 'ms',
      ours: 1,
      series: await inTurn(bench, contestants, bench.effort.rounds, WARM_UPS),
      targets: [{ against: 'podman, runc', factor: 1, words: '≤ 1' }],
      note: 'the same podman and the same image, told with --runtime which program runs the bundle',
    },
  ];
}

export async function measureBundle(bench: Bench, place: Place): Promise<Measurement[]> {
  say('run of a bundle');
  const contestants = await runtimes(bench, place);
  await output({ argv: [program(), '--version'], env: environment(place) });
  return [
    {
      title: 'OCI runtime: run of a bundle, true',
      unit: 'ms',
      ours: 1,
      series: await inTurn(bench, contestants, bench.effort.rounds, WARM_UPS),
      targets: [{ against: 'runc', factor: 1, words: '≤ 1' }],
      note: 'the same bundle and the same words for each',
    },
    ...(await throughPodman(bench, place)),
  ];
}
