import { spawnSync } from 'node:child_process';
import { errnoOf } from '../base/errors.ts';
import type { Session } from '../engine/types.ts';
import { DEFAULT_DETACH_KEYS, DetachKeys, parseDetachKeys } from './detach-keys.ts';
import { onSignals } from './signals.ts';

export interface DriveOptions {
  /** The program has a terminal: raw mode here, its size followed, detach keys looked for. */
  readonly tty: boolean;
  /** Pass standard input on. */
  readonly stdin: boolean;
  readonly detachKeys: string | undefined;
}

/**
 * Connects this process's terminal or pipes to a session until the program ends, the user detaches or a signal comes.
 * Returns the exit code, undefined after detaching. The terminal is restored however it ends.
 */
export async function driveSession(session: Session, options: DriveOptions): Promise<number | undefined> {
  const undo: Array<() => void> = [];
  try {
    const interrupted = new Promise<number>((resolve) => {
      undo.push(onSignals((signal) => (options.tty ? resolve(128 + signal) : session.signal(signal))));
    });
    if (options.tty) undo.push(followSize(session));
    // Raw first: what the program printed already is not for a terminal that changes it.
    if (options.stdin) undo.push(copyInput(session, options));
    const flushed = copyOutput(session);
    const code = await Promise.race([session.done, interrupted.then(detachFirst(session))]);
    await flushed();
    return code;
  } finally {
    for (const step of undo.reverse()) step();
  }
}

/** With a terminal a signal to this process ends only this process, as closing the window should. */
function detachFirst(session: Session): (code: number) => number {
  return (code) => {
    session.detach();
    return code;
  };
}

function followSize(session: Session): () => void {
  const { stdout } = process;
  if (stdout.isTTY !== true) return () => undefined;
  const tell = (): void => session.resize(stdout.rows, stdout.columns);
  tell();
  stdout.on('resize', tell);
  return () => stdout.off('resize', tell);
}

/** Streams both outputs; a slow reader here slows the container down. Returns a wait for what is still buffered. */
function copyOutput(session: Session): () => Promise<void> {
  let waiting = 0;
  let closed = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
      closed = true;
      session.detach();
    });
  }
  session.onOutput((number, data) => {
    const stream = number === 1 ? process.stdout : process.stderr;
    if (closed || stream.write(data)) return;
    if (waiting++ === 0) session.pause();
    stream.once('drain', () => {
      if (--waiting === 0) session.resume();
    });
  });
  const flush = (stream: NodeJS.WriteStream): Promise<void> =>
    new Promise((resolve) => (closed ? resolve() : stream.write('', () => resolve())));
  return async () => {
    await Promise.all([flush(process.stdout), flush(process.stderr)]);
  };
}

/**
 * setRawMode leaves output processing on, so that a lone line feed of the program would become CR LF and a
 * full-screen program would draw stairs. stty(1) turns it off; setRawMode(false) brings all of it back.
 */
function passOutputAsIs(): void {
  const { error } = spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
  // A host without stty: only such programs look wrong.
  if (error !== undefined && errnoOf(error) !== 'ENOENT') throw error;
}

function copyInput(session: Session, options: DriveOptions): () => void {
  const { stdin } = process;
  const raw = options.tty && stdin.isTTY === true;
  const keys = raw ? new DetachKeys(parseDetachKeys(options.detachKeys ?? DEFAULT_DETACH_KEYS)) : undefined;
  const restore = (): void => {
    stdin.setRawMode(false);
  };
  if (raw) {
    process.on('exit', restore);
    stdin.setRawMode(true);
    passOutputAsIs();
  }
  const onData = (data: Buffer): void => {
    const { pass, detach } = keys?.feed(data) ?? { pass: data, detach: false };
    if (pass.length > 0 && !session.write(pass)) stdin.pause();
    if (detach) session.detach();
  };
  const onEnd = (): void => session.end();
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EIO') throw error;
    session.end(); // the terminal is gone; a hang-up signal follows
  };
  session.onDrain(() => stdin.resume());
  stdin.on('data', onData).on('end', onEnd).on('error', onError);
  return () => {
    stdin.off('data', onData).off('end', onEnd).off('error', onError).pause();
    if (raw) {
      restore();
      process.off('exit', restore);
    }
  };
}
