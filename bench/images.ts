/** The measurements of images: pull, push, save and load of a root file system of the usual size. */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { BIG_BYTES, BIG_FILES, makeBigTree } from '../test/e2e/big-tree.ts';
import { type Command, execute, output, timeMs } from './command.ts';
import { type Bench, type Contestant, complete, inTurn } from './measure.ts';
import { peakKb } from './memory.ts';
import { both, type ImageTool } from './peers/image-tool.ts';
import type { Peer } from './peers/peer.ts';
import { which } from './peers/peer.ts';
import type { Place } from './place.ts';
import { layerUrl, startRegistry } from './registry.ts';
import type { Measurement } from './series.ts';

type Able = Peer & { images: ImageTool };

const POLL_MS = 5;
const PIPE = 'curl | gunzip | tar -x';
const IMAGE = `${BIG_BYTES / 1e6} MB, ${BIG_FILES} files`;

const say = (line: string): void => {
  process.stderr.write(`bench: ${line}\n`);
};
const isAble = (peer: Peer): peer is Able => peer.images !== undefined;

class ImageBench {
  private readonly able: Able[];
  private readonly tar: string;
  private pushes = 0;

  constructor(
    private readonly bench: Bench,
    private readonly place: Place,
    private readonly host: string,
  ) {
    this.able = bench.peers.filter(isAble);
    this.tar = `${place.directory}/big.tar`;
  }

  private get name(): string {
    return `${this.host}/big:v1`;
  }

  /** Makes the tree, its tar, and puts the image into the registry. */
  async prepare(): Promise<void> {
    say(`an image of ${IMAGE}`);
    const tree = `${this.place.directory}/big`;
    makeBigTree(tree);
    const { env } = this.place;
    await output({ argv: ['tar', '-C', tree, '-cf', this.tar, '.'], env });
    const [ours] = this.able;
    if (ours === undefined) throw new Error('nobody can pull');
    await output(ours.images.importTar(this.tar, this.name));
    await output(ours.images.push(this.name));
    await this.forget(ours);
  }

  /** Nothing of the image is left, and what that changed is on the disk: it must not be counted against the next. */
  private async forget({ images }: Able, name = this.name): Promise<void> {
    await execute(images.remove(name));
    await execute({ argv: ['sync'], env: this.place.env });
  }

  private timed(command: Command): Promise<number> {
    return timeMs(this.bench.clock, command);
  }

  private everyTool(once: (peer: Able) => Promise<number>): Contestant[] {
    return this.able.map((peer) => ({ tool: peer.name, once: () => once(peer) }));
  }

  private async row(
    title: string,
    contestants: readonly Contestant[],
    rest: Pick<Measurement, 'targets' | 'note' | 'unit'>,
    warmUps = 0,
  ): Promise<Measurement> {
    say(title);
    const series = await inTurn(this.bench, contestants, this.bench.effort.slowRounds, warmUps);
    const others = series.filter(({ tool }) => !this.able.some(({ name }) => name === tool));
    return {
      title,
      ours: 1,
      series: [...complete(this.bench, series, isAble), ...others],
      ...rest,
    };
  }

  async pull(): Promise<Measurement> {
    const url = await layerUrl(this.host, 'big', 'v1');
    const into = `${this.place.directory}/unpacked`;
    const pipe: Command = {
      argv: ['sh', '-c', `curl -sf '${url}' | gunzip | tar -x -C '${into}'`],
      env: this.place.env,
    };
    const contestants = [
      ...this.everyTool(async (peer) => {
        await this.forget(peer);
        return this.timed(both(peer.images.pull(this.name), peer.images.runTrue(this.name)));
      }),
      {
        tool: PIPE,
        once: async () => {
          rmSync(into, { recursive: true, force: true });
          mkdirSync(into);
          await execute({ argv: ['sync'], env: this.place.env });
          return this.timed(pipe);
        },
      },
    ];
    const targets = [
      { against: 'docker', factor: 0.7, words: '≤ 0.7' },
      { against: 'podman', factor: 0.7, words: '≤ 0.7' },
      { against: PIPE, factor: 1.5, words: '≤ 1.5' },
    ];
    const note =
      'pull from a registry on this machine into a store that has nothing of it, then run of true in it; the pipe only unpacks the layer, and leaves it to the kernel when it reaches the disk';
    const measured = await this.row(`pull and run: ${IMAGE}`, contestants, { unit: 'ms', targets, note }, 1);
    rmSync(into, { recursive: true, force: true });
    return measured;
  }

  memory(): Promise<Measurement> {
    const contestants = this.able
      .filter(({ name }) => name !== 'docker')
      .map((peer) => ({
        tool: peer.name,
        once: async () => {
          await this.forget(peer);
          return this.peak(peer.images.pull(this.name));
        },
      }));
    return this.row(`peak memory of that pull`, contestants, {
      unit: 'kB',
      targets: [{ limit: 150_000, words: '≤ 150 MB' }],
      note: 'VmHWM of the process, proc_pid_status(5); docker’s is that of its daemon, which does other things too',
    });
  }

  private async peak({ argv, env }: Command): Promise<number> {
    const [file = '', ...args] = argv;
    const child = spawn(file, args, { env, stdio: 'ignore' });
    const state = { code: undefined as number | null | undefined };
    const ended = new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => {
        state.code = code;
        resolve();
      });
    });
    let peak = 0;
    while (state.code === undefined) {
      peak = Math.max(peak, peakKb(child.pid ?? 0));
      await sleep(POLL_MS);
    }
    await ended;
    if (state.code !== 0) throw new Error(`${argv.join(' ')}: exit ${state.code}`);
    return peak;
  }

  /** One more entry: all tools remember where they have seen a layer before. */
  private async changeTar(entry: string): Promise<void> {
    const { directory, env } = this.place;
    writeFileSync(`${directory}/${entry}`, entry);
    await output({ argv: ['tar', '-C', directory, '-rf', this.tar, entry], env });
  }

  push(): Promise<Measurement> {
    const contestants = this.everyTool(async (peer) => {
      // Another repository each time, and a layer that nobody has seen: all of it is compressed and sent.
      const name = `${this.host}/push-${++this.pushes}/big:v1`;
      await this.changeTar(`push-${this.pushes}`);
      await output(peer.images.importTar(this.tar, name));
      await execute({ argv: ['sync'], env: this.place.env });
      const ms = await this.timed(peer.images.push(name));
      await this.forget(peer, name);
      return ms;
    });
    return this.row(`push: ${IMAGE}`, contestants, {
      unit: 'ms',
      targets: [{ against: 'podman', factor: 1, words: '≤ 1' }],
      note: 'of an image that was imported just now: compressing the layer is part of it',
    });
  }

  async saveAndLoad(): Promise<Measurement[]> {
    const file = `${this.place.directory}/saved.tar`;
    const targets = [{ against: 'podman', factor: 1, words: '≤ 1' }];
    for (const { images } of this.able) await output(images.pull(this.name));
    const saving = this.everyTool(async ({ images }) => {
      rmSync(file, { force: true });
      await execute({ argv: ['sync'], env: this.place.env });
      return this.timed(images.save(this.name, file));
    });
    const saved = await this.row(`save: ${IMAGE}`, saving, { unit: 'ms', targets });
    const last = this.able.at(-1);
    if (last === undefined) return [saved];
    rmSync(file, { force: true });
    await output(last.images.save(this.name, file));
    const loading = this.everyTool(async (peer) => {
      await this.forget(peer);
      return this.timed(peer.images.load(file));
    });
    const note = `of one file, which ${last.name} wrote: its layer is not compressed`;
    return [saved, await this.row(`load: ${IMAGE}`, loading, { unit: 'ms', targets, note })];
  }

  async clear(): Promise<void> {
    for (const peer of this.able) await this.forget(peer);
  }
}

/** Nothing when there is no registry to pull from; what is missing is said. */
export async function measureImages(bench: Bench, place: Place): Promise<Measurement[]> {
  if (which(place, 'docker-registry') === undefined) {
    say('images are not measured: docker-registry is not installed; npm run bench -- --install');
    return [];
  }
  const registry = await startRegistry(place);
  const images = new ImageBench(bench, place, registry.host);
  try {
    await images.prepare();
    return [await images.pull(), await images.memory(), await images.push(), ...(await images.saveAndLoad())];
  } finally {
    await images.clear();
    await registry.stop();
  }
}
