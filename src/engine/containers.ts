import { badInput, MydockerError, programRan } from '../base/index.ts';
import type { ResolvedImage } from '../image/index.ts';
import type { Plan } from '../plan/index.ts';
import { type ContainerRecord, findContainer, idOfName } from '../storage/index.ts';
import type { CommitSpec } from './commit.ts';
import { ContainerFiles } from './container-files.ts';
import type { Core } from './core.ts';
import { createContainer } from './create.ts';
import { recordContainerEvent } from './events-file.ts';
import { Container } from './handle.ts';
import { keepImage } from './image-users.ts';
import { imageFor } from './images.ts';
import { prepareNetworks } from './join.ts';
import { prepareSpec } from './prepare.ts';
import { rerun, startContainer } from './start.ts';
import { lifeOf, refusePaused, requireRunning } from './status.ts';
import { sweep } from './sweep.ts';
import type {
  ContainerDetails,
  ContainerSpec,
  ContainerSummary,
  EndedFront,
  ExecSpec,
  FrontOutcome,
  How,
  LogEntry,
  LogOptions,
  Running,
  Session,
  StopResult,
  StreamFds,
} from './types.ts';

/**
 * The containers of an engine. What a plain `run` does not need is loaded when used: docs/adr/0009-late-modules.md.
 * `ref` is a full id, a unique id prefix or a name, everywhere.
 */
export class Containers extends ContainerFiles {
  private async buryIfDead(id: string): Promise<void> {
    if (lifeOf(this.core.paths, id).dead) await (await import('./bury.ts')).bury(this.core, id);
  }

  private async image(spec: ContainerSpec): Promise<ResolvedImage> {
    return imageFor(this.core, spec.image ?? this.core.defaultImage, spec);
  }

  /** Creates a container; nothing runs yet. Throws BAD_INPUT, NO_SUCH_IMAGE, NAME_IN_USE. */
  async create(spec: ContainerSpec): Promise<Container> {
    this.core.prepare();
    const image = await this.image(spec);
    await prepareNetworks(this.core, spec);
    const prepared = await prepareSpec(this.core, spec, image);
    const { record } = await createContainer(this.core, spec, image, prepared, false);
    await keepImage(this.core, image, record);
    recordContainerEvent(this.core.paths, record, 'create');
    await sweep(this.core, true);
    return new Container(this.core, this, record.id, record.name);
  }

  /** A handle on a container that is there. Throws NO_SUCH_CONTAINER. */
  get(ref: string): Container {
    const record = this.record(ref);
    return new Container(this.core, this, record.id, record.name);
  }

  /** create and start. A failed start takes the container back: as if nothing had been asked. */
  run(spec: ContainerSpec, how: How, fds?: StreamFds): Promise<Running> {
    return rerun(() => this.runOnce(spec, how, fds));
  }

  private async runOnce(spec: ContainerSpec, how: How, fds?: StreamFds): Promise<Running> {
    this.core.prepare();
    const image = await this.image(spec);
    await prepareNetworks(this.core, spec);
    const prepared = await prepareSpec(this.core, spec, image);
    // A front is there at once: who is between a start and that has no hand on the program. What cannot be cleared
    // is left for a command that has time. Before there is a container of ours to look at.
    if (fds?.fronted === true) await sweep(this.core, true).catch(() => {});
    const { record, version } = await createContainer(this.core, spec, image, prepared, true, fds?.ready);
    await keepImage(this.core, image, record);
    const undo = async (error: unknown): Promise<never> => {
      if (!programRan(error))
        await (await import('./remove.ts')).discardContainer(this.core, record.id, record.name);
      throw error;
    };
    const running = await startContainer(this.core, record, how, fds, version).catch(undo);
    if (running === undefined) throw new MydockerError('RUNNING', `container ${record.name} runs already`);
    // While the shim works: what others left is cleared without anybody waiting for it.
    const isDue = fds?.fronted !== true && this.core.isSweepDue();
    const swept = isDue ? sweep(this.core, true) : Promise.resolve();
    // Told of when the program has ended, not as a promise that nobody handles.
    swept.catch(() => {});
    const settle = async (): Promise<number> => {
      const code = await running.exit.catch(undo);
      await swept;
      return code;
    };
    if (how === 'detached') await swept;
    return { ...running, exit: settle() };
  }

  /** What came of a program whose command became its front. Throws what went wrong. */
  async ended(front: EndedFront): Promise<FrontOutcome> {
    this.core.prepare();
    return (await import('./ended.ts')).endedFront(this.core, front);
  }

  /**
   * Starts a created or stopped container again, with the writes it has. Running already: does nothing; unless
   * `detached`, attaches to it: there is a session then, also with `inherit`.
   */
  async start(ref: string, how: How, fds?: StreamFds): Promise<Running> {
    this.core.prepare();
    const record = { ...this.record(ref) };
    // Whoever made it told of that.
    delete record.startingOwner;
    await imageForRecord(this.core, record);
    const running = await startContainer(this.core, record, how, fds);
    await sweep(this.core, true);
    if (running !== undefined) return running;
    refusePaused(lifeOf(this.core.paths, record.id).state, record.name, 'start');
    const known = { id: record.id, name: record.name };
    if (how !== 'detached') {
      const session = await this.attach(record.id);
      const exit = session.done.then((code) => code ?? 0);
      return { ...known, notes: [], session, exit, signal: (number) => session.signal(number) };
    }
    const note = `${record.name} runs already`;
    return { ...known, notes: [note], exit: Promise.resolve(0), signal: () => {} };
  }

  /** One more program in a running container. Throws NOT_RUNNING, and nothing is executed anywhere. */
  async exec(ref: string, spec: ExecSpec, how: How, fds?: StreamFds): Promise<Running> {
    this.core.prepare();
    if (spec.command.length === 0)
      throw badInput('exec needs a command', { remedy: 'add one after the container' });
    const record = this.record(ref);
    return (await import('./exec.ts')).execInContainer(this.core, record, spec, how, fds);
  }

  /** The streams of a running container. Throws NOT_RUNNING. */
  async attach(ref: string): Promise<Session> {
    const record = this.record(ref);
    refusePaused(
      requireRunning(this.core.paths, record.id, record.name, 'attach to'),
      record.name,
      'attach to',
    );
    return (await import('./session.ts')).attachTo(this.core, record);
  }

  /** Returns when the process is really gone. Not running: nothing to do. */
  async stop(ref: string, options: { timeoutS?: number; signal?: string } = {}): Promise<StopResult> {
    this.core.prepare();
    const record = this.record(ref);
    const result = await (await import('./stop.ts')).stopContainer(this.core, record, options);
    await this.buryIfDead(record.id);
    return result;
  }

  /** stop, then start in the background. */
  async restart(ref: string, options: { timeoutS?: number } = {}): Promise<StopResult> {
    const result = await this.stop(ref, options);
    await this.start(result.id, 'detached');
    recordContainerEvent(this.core.paths, this.record(result.id), 'restart');
    return result;
  }

  /** Sends a signal, SIGKILL unless told otherwise. Throws NOT_RUNNING. */
  async kill(ref: string, signal = 'SIGKILL'): Promise<{ id: string }> {
    this.core.prepare();
    const record = this.record(ref);
    await (await import('./stop.ts')).killContainer(this.core, record, signal);
    return { id: record.id };
  }

  /** Exit code of the container, once it has ended. */
  async wait(ref: string): Promise<number> {
    const record = this.record(ref);
    return (await import('./stop.ts')).waitContainer(this.core, record);
  }

  /** Gives a container another name. Throws NAME_IN_USE, BAD_INPUT. */
  async rename(ref: string, name: string): Promise<void> {
    this.core.prepare();
    const { renameContainer } = await import('./rename.ts');
    const record = await renameContainer(this.core, this.record(ref).id, name);
    recordContainerEvent(this.core.paths, { ...record, name }, 'rename', { oldName: record.name });
  }

  /** Throws RUNNING unless forced. `volumes`: those without a name go too, if no other container has them. */
  async remove(ref: string, options: { force?: boolean; volumes?: boolean } = {}): Promise<{ id: string }> {
    this.core.prepare();
    const id = findContainer(this.core.paths, ref);
    await this.removeById(id, options);
    return { id };
  }

  /** The same for a full id; one that is gone already is no error. */
  async removeById(id: string, options: { force?: boolean; volumes?: boolean } = {}): Promise<void> {
    this.core.prepare();
    await (await import('./remove.ts')).removeContainer(this.core, id, options);
  }

  /** Removes those that do not run. */
  async prune(): Promise<{ deleted: string[]; reclaimedBytes: number }> {
    return (await import('./prune.ts')).pruneContainers(this.core);
  }

  /** All containers, newest first. What dead monitors left is cleared first, so nothing dead is shown as running. */
  async list(): Promise<ContainerSummary[]> {
    if (process.geteuid?.() === 0) await sweep(this.core, false);
    return (await import('./describe.ts')).listContainers(this.core);
  }

  async inspect(ref: string): Promise<ContainerDetails> {
    const record = this.record(ref);
    if (process.geteuid?.() === 0) await this.buryIfDead(record.id);
    return (await import('./describe.ts')).describeContainer(this.core, record);
  }

  /** What it printed, oldest first. With `follow`, until it ends or the signal aborts. */
  logs(ref: string, options: LogOptions = {}): AsyncIterable<LogEntry> {
    return logsOf(this.core, this.record(ref), options);
  }

  /** Its files as a tar, running or not. */
  async export(ref: string): Promise<AsyncIterable<Buffer>> {
    return (await import('./export.ts')).exportContainer(this.core, this.record(ref));
  }

  /** Its writes as a new image; the id of that. */
  async commit(ref: string, options: CommitSpec = {}): Promise<string> {
    this.core.prepare();
    const record = this.record(ref);
    const image = await (await import('./commit.ts')).commitContainer(this.core, record, options);
    recordContainerEvent(this.core.paths, record, 'commit', { imageID: image });
    return image;
  }

  /** The launch plan such a container would have. Changes nothing and needs no root. */
  async explain(spec: ContainerSpec, how: How = 'inherit'): Promise<Plan> {
    return (await import('./explain-container.ts')).explainContainer(this.core, spec, how);
  }

  /** The id that holds a name, if any. */
  idOf(name: string): string | undefined {
    return idOfName(this.core.paths, name);
  }
}

async function* logsOf(core: Core, record: ContainerRecord, options: LogOptions): AsyncIterable<LogEntry> {
  yield* (await import('./logs.ts')).readLogs(core, record, options);
}

/** A container whose image lost its unpacked layers gets them again. */
async function imageForRecord(core: Core, record: ContainerRecord): Promise<void> {
  const { existsSync } = await import('node:fs');
  const lacks = (layers: readonly string[]): boolean => !layers.every((dir) => existsSync(dir));
  if (lacks(record.layers)) await imageFor(core, record.imageId);
  for (const m of record.mounts) if (m.type === 'image' && lacks(m.layers)) await imageFor(core, m.imageId);
}
