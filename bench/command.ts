/** Runs and times other programs. */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';

/** A program with its arguments and whole environment. */
export interface Command {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
}

export interface Outcome {
  /** 128+n when ended by signal n. */
  code: number;
  stdout: string;
  stderr: string;
}

const MAX_MS = 300_000;

/** The last line of what a program said on standard error: its own words for a failure. */
export function lastWords(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '').at(-1) ?? 'it said nothing';
}

/**
 * Runs a command to its end. Output goes through files: a background process that keeps descriptor 1 or 2 open
 * would hold a pipe open for ever. `extra`: descriptors 3 and following.
 */
export function execute(command: Command, extra: readonly number[] = [], mostMs = MAX_MS): Promise<Outcome> {
  const [file = '', ...args] = command.argv;
  const directory = mkdtempSync('/var/tmp/mydocker-bench-out-');
  const out = openSync(`${directory}/out`, 'w+');
  const err = openSync(`${directory}/err`, 'w+');
  const finish = (): { stdout: string; stderr: string } => {
    closeSync(out);
    closeSync(err);
    const text = {
      stdout: readFileSync(`${directory}/out`, 'utf8'),
      stderr: readFileSync(`${directory}/err`, 'utf8'),
    };
    rmSync(directory, { recursive: true });
    return text;
  };
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', out, err, ...extra], env: command.env });
    const timer = setTimeout(() => child.kill('SIGKILL'), mostMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      finish();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      resolve({ code: code ?? (signal === 'SIGKILL' ? 137 : 143), ...finish() });
    });
  });
}

/** Runs a command that must succeed; its standard output. Throws with the program's own last line. */
export async function output(command: Command): Promise<string> {
  const { code, stdout, stderr } = await execute(command);
  if (code !== 0) throw new Error(`${command.argv.join(' ')}: exit ${code}: ${lastWords(stderr)}`);
  return stdout.trim();
}

/** Compiles the stopwatch, clock.c, into a directory; its path. */
export async function buildClock(directory: string): Promise<string> {
  const path = `${directory}/clock`;
  const env = { PATH: process.env.PATH ?? '' };
  await output({ argv: ['cc', '-O2', '-Wall', '-o', path, 'bench/clock.c'], env });
  return path;
}

/** Milliseconds from before the start of `copies` copies to after the end of the last. Throws if one failed. */
export async function timeMs(
  clock: string,
  command: Command,
  copies = 1,
  extra: readonly number[] = [],
): Promise<number> {
  const argv = [clock, String(copies), ...command.argv];
  const { code, stdout, stderr } = await execute({ argv, env: command.env }, extra);
  const [ns = 0, failed = 0, status = 0] = stdout.split(' ').map(Number);
  if (code !== 0 || failed > 0) {
    const how = (status & 0x7f) === 0 ? `exit ${status >> 8}` : `signal ${status & 0x7f}`;
    const many = copies > 1 ? ` (${failed} of ${copies} failed)` : '';
    throw new Error(`${command.argv.join(' ')}: ${how}${many}: ${lastWords(stderr)}`);
  }
  return ns / 1e6;
}
