/** Drives the built executable, as a user does: every test file gets a root directory of its own. */
import assert from 'node:assert/strict';
import { type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What the tests' own caller left open goes: a foreground command that has such a descriptor stays what it is
 * (src/cli/front.ts), and tests are to see the same everywhere. Node closes its own on execve; others show no O_CLOEXEC.
 */
for (const fd of readdirSync('/proc/self/fd')
  .map(Number)
  .filter((fd) => fd > 2)) {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
    if ((Number.parseInt(/^flags:\s+(\d+)/m.exec(info)?.[1] ?? '0', 8) & 0o2000000) === 0) closeSync(fd);
  } catch {
    // The descriptor of the list itself.
  }
}

/** The program under test. */
export const EXECUTABLE = process.env.MYDOCKER_TEST_EXECUTABLE ?? `${process.cwd()}/dist/mydocker`;

/** How many times slower than a usual machine this one is: time-outs grow by it. A guest without KVM: 20. */
export const SLOWNESS = Number(process.env.MYDOCKER_TEST_SLOWNESS ?? 1);
/**
 * For every start of it: containers that ask for no network get none, so that this machine's own network stays as it
 * is. Networks are tested in network namespaces: network-host.ts.
 */
export const NO_NETWORK = { MYDOCKER_DEFAULT_NETWORK: 'none' } as const;

export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Options {
  input?: string;
  env?: Record<string, string>;
  cwd?: string;
  timeoutMs?: number;
}

/** Runs a command to its end; never throws for its exit code. */
export function command(file: string, args: readonly string[], options: Options = {}): Promise<Result> {
  const spawnOptions: SpawnOptions = {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', ...NO_NETWORK, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  };
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...args], spawnOptions);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
    const timer = setTimeout(() => child.kill('SIGKILL'), (options.timeoutMs ?? 60_000) * SLOWNESS);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const text = (list: Buffer[]) => Buffer.concat(list).toString('utf8');
      resolve({ code: code ?? (signal === 'SIGKILL' ? 137 : 128), stdout: text(out), stderr: text(err) });
    });
    if (options.input !== undefined) child.stdin?.end(options.input);
  });
}

/** An engine root of its own below /var/tmp (overlayfs cannot lie on overlayfs), removed after the file's tests. */
export class Host {
  readonly root = mkdtempSync('/var/tmp/mydocker-e2e-');

  constructor() {
    after(() => this.close());
  }

  /** `mydocker ARGS` in this root. */
  run(args: readonly string[], options: Options = {}): Promise<Result> {
    return command(EXECUTABLE, args, { ...options, env: { MYDOCKER_ROOT: this.root, ...options.env } });
  }

  /** The same for a command that must succeed; its standard output. */
  async ok(...args: string[]): Promise<string> {
    const result = await this.run(args);
    assert.equal(result.code, 0, `mydocker ${args.join(' ')}: exit ${result.code}: ${result.stderr}`);
    return result.stdout.trimEnd();
  }

  /** And for one that must fail with this code; its standard error, which must be one line. */
  async fails(code: number, ...args: string[]): Promise<string> {
    const result = await this.run(args);
    assert.equal(
      result.code,
      code,
      `mydocker ${args.join(' ')}: exit ${result.code}, expected ${code}: ${result.stderr}`,
    );
    const lines = result.stderr.trimEnd().split('\n');
    assert.equal(lines.length, 1, `one line on standard error, got: ${result.stderr}`);
    return lines[0] ?? '';
  }

  /** Removes every container, then checks that nothing of this root is left on the machine. */
  async close(): Promise<void> {
    const ids = (await this.ok('ps', '-q', '--no-trunc')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await this.ok('rm', '-f', ...ids);
    assert.deepEqual(leftovers(this.root), [], 'nothing is left');
    rmSync(this.root, { recursive: true, force: true });
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

const SETTLE_MS = 10_000;

/**
 * Files of containers that are gone are removed when nobody waits any more (docs/adr/0044-removing-aside.md). Waits for
 * that, without looking away: what is still there afterwards is a leak, and shown.
 */
export function settle(root: string): void {
  const isDiscarded = (name: string) => /^\.tmp-\d+-\d+-[0-9a-f]{64}$/.test(name);
  const isBusy = () =>
    [...list(`${root}/containers`), ...list(`${root}/run`)].some(isDiscarded) ||
    processes(`${root}/bin/shim-`).some((pid) => argumentsOf(pid)[1] === 'remove');
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (const endMs = Date.now() + SETTLE_MS * SLOWNESS; isBusy() && Date.now() < endMs; )
    Atomics.wait(clock, 0, 0, 5);
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // It ended meanwhile.
  }
}

/** What of a root's containers is still on the machine: records, names, run directories, mounts. */
export function leftovers(root: string): string[] {
  settle(root);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(root));
  return [
    ...list(`${root}/containers`).map((name) => `containers/${name}`),
    ...list(`${root}/names`).map((name) => `names/${name}`),
    ...list(`${root}/run`).map((name) => `run/${name}`),
    ...list(`${root}/ports`).map((name) => `ports/${name}`),
    ...list(`${root}/networks`).flatMap((network) =>
      ['leases', 'names', 'addresses'].flatMap((kind) =>
        list(`${root}/networks/${network}/${kind}`).map((name) => `networks/${network}/${kind}/${name}`),
      ),
    ),
    ...mounts,
  ];
}

/** Every cgroup of ours on this machine: "memory/<id>" … */
export function cgroups(): string[] {
  const hierarchies = ['.', ...list('/sys/fs/cgroup')];
  return hierarchies.flatMap((name) =>
    list(`/sys/fs/cgroup/${name}/mydocker`)
      .filter((entry) => /^[0-9a-f]{64}$/.test(entry))
      .map((entry) => `${name}/${entry}`),
  );
}

/** Host pids whose command line contains the text. */
export function processes(text: string): number[] {
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'ESRCH') return false;
        throw error;
      }
    });
}

/** Waits until the condition holds; fails with `what` after the time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs * SLOWNESS;
  while (!(await condition())) {
    if (Date.now() > deadline) assert.fail(`did not happen in ${timeoutMs * SLOWNESS} ms: ${what}`);
    await sleep(20);
  }
}
