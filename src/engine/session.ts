import { errnoOf, MydockerError } from '../base/index.ts';
import type { Plan } from '../plan/index.ts';
import { AttachClient, type AttachEnd, type Failure, stepError, WANTS } from '../shim/index.ts';
import { type ContainerRecord, runDir } from '../storage/index.ts';
import type { Core } from './core.ts';
import { connectMonitor, monitorBusy } from './stop.ts';
import type { Session } from './types.ts';

/** A client of a monitor, as the CLI and library drive it. */
export class AttachedSession implements Session {
  readonly done: Promise<number | undefined>;
  private left = false;

  constructor(
    id: string,
    private readonly client: AttachClient,
    toError: (failure: Failure) => MydockerError,
  ) {
    this.done = client.end.then((end: AttachEnd) => {
      if ('ending' in end) return end.ending.code;
      if ('failure' in end) throw toError(end.failure);
      if (this.left) return undefined;
      if ('full' in end) throw monitorBusy(id);
      throw new MydockerError('MONITOR_LOST', 'the connection to the container’s monitor broke', {
        exitCode: 137,
      });
    });
  }

  write(data: Uint8Array): boolean {
    return this.client.write(data);
  }
  end(): void {
    this.client.endInput();
  }
  resize(rows: number, cols: number): void {
    // Too late is no error: the program may have ended meanwhile.
    this.client.resize(rows, cols).catch((error: unknown) => this.ignoreGone(error));
  }
  signal(signal: number): void {
    this.client.signal(signal).catch((error: unknown) => this.ignoreGone(error));
  }
  private ignoreGone(error: unknown): void {
    if (!(error instanceof MydockerError)) throw error;
  }
  onOutput(listener: (stream: 1 | 2, data: Buffer) => void): void {
    this.client.onOutput(listener);
  }
  onDrain(listener: () => void): void {
    this.client.onDrain(listener);
  }
  detach(): void {
    this.left = true;
    this.client.close();
  }
  pause(): void {
    this.client.pause();
  }
  resume(): void {
    this.client.resume();
  }
}

/** The streams of a container that waits at its barrier for whoever asked for a session; it goes on now. */
export async function sessionOfStart(
  core: Core,
  record: ContainerRecord,
  plan: Plan,
): Promise<AttachedSession> {
  const wants = WANTS.stdin | WANTS.stdout | WANTS.stderr | WANTS.release;
  const client = await AttachClient.connect(`${runDir(core.paths, record.id)}/attach.sock`, wants);
  return new AttachedSession(record.id, client, (failure) =>
    stepError(`cannot start ${record.name}`, plan, failure),
  );
}

/** The streams of a container that runs. Throws NOT_RUNNING when it has just ended. */
export async function attachTo(core: Core, record: ContainerRecord): Promise<AttachedSession> {
  const client = await connectMonitor(core, record.id, WANTS.stdin | WANTS.stdout | WANTS.stderr);
  if (client === undefined) {
    throw new MydockerError('NOT_RUNNING', `cannot attach to ${record.name}: it has just ended`, {
      subject: record.name,
      exitCode: 1,
    });
  }
  return new AttachedSession(
    record.id,
    client,
    () => new MydockerError('NOT_RUNNING', `${record.name} could not be started`),
  );
}

const RETRY_MS = 10;
const RETRIES = 100;

/**
 * Sends a signal to a foreground program. One that comes before its monitor listens is kept until it does, while
 * `starting` says so; one that comes after its end is dropped, as kill(2) to a program that has just ended.
 */
export function forwardSignal(
  socket: string,
  signal: number,
  starting: () => boolean,
  retries = RETRIES,
): void {
  const send = async (): Promise<void> => {
    const client = await AttachClient.connect(socket, 0);
    try {
      await client.signal(signal);
    } finally {
      client.close();
    }
  };
  send().catch((error: unknown) => {
    // It has ended; or its monitor closed the connection for want of room.
    if (error instanceof MydockerError) {
      if (error.code === 'MONITOR_GONE' && retries > 0)
        setTimeout(() => forwardSignal(socket, signal, starting, retries - 1), RETRY_MS);
      return;
    }
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    // EAGAIN, ECONNRESET: a monitor that has no room just now. That one is there says that the program may be, too.
    const there = errno !== 'ENOENT' && errno !== 'ECONNREFUSED';
    if (retries > 0 && (there || starting()))
      setTimeout(() => forwardSignal(socket, signal, starting, retries - 1), RETRY_MS);
  });
}
