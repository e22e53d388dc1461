/** Programs that call an OCI runtime, with a mount namespace of their own: what they write below /run and /etc, and what
 * they mount, goes with it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { after } from 'node:test';
import { cgroupsOf, removeCgroup } from './bundle.ts';
import { command, EXECUTABLE, type Options, processes, type Result, until } from './harness.ts';

const SETUP = [
  'mount -t tmpfs none /run',
  'mount -t tmpfs none /dev/shm',
  'mkdir -p "$0/etc-upper" "$0/etc-work"',
  'mount -t overlay -o "lowerdir=/etc,upperdir=$0/etc-upper,workdir=$0/etc-work" none /etc',
  'touch "$0/ready"',
  'exec sleep 1000000',
].join(' && ');

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    child.once('exit', () => resolve());
  });
}

export class RuntimeUser {
  readonly dir = mkdtempSync('/var/tmp/mydocker-user-');
  readonly cgroup = this.dir.slice(this.dir.lastIndexOf('/') + 1);
  /** The runtime as they are told of it: a script, the built program with runc's words. */
  readonly runtime = `${this.dir}/mydocker-oci`;
  readonly env: Record<string, string>;
  private holder: ChildProcess | undefined;
  private daemon: ChildProcess | undefined;
  private before: string[] = [];
  /** To be bound at /heard in the containers of hear(). */
  readonly heard = `${this.dir}/heard`;
  private hears = 0;

  constructor(env: (dir: string) => Record<string, string> = () => ({})) {
    mkdirSync(`${this.dir}/home`);
    mkdirSync(this.heard);
    this.env = { HOME: `${this.dir}/home`, ...env(this.dir) };
    const script = `#!/bin/sh\nexport MYDOCKER_ROOT="${this.dir}/engine"\nexec "${EXECUTABLE}" oci "$@"\n`;
    writeFileSync(this.runtime, script);
    chmodSync(this.runtime, 0o755);
    after(() => this.close());
  }

  async open(): Promise<void> {
    this.holder = spawn('unshare', ['-m', 'sh', '-c', SETUP, this.dir], { stdio: 'ignore' });
    await until('its mount namespace is ready', () => existsSync(`${this.dir}/ready`));
  }

  private inside(words: readonly string[]): string[] {
    return ['-m', '-t', String(this.holder?.pid), ...words];
  }

  run(words: readonly string[], options: Options = {}): Promise<Result> {
    return command('nsenter', this.inside(words), { env: this.env, timeoutMs: 120_000, ...options });
  }

  async ok(words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(words);
    assert.equal(code, 0, `${words.join(' ')}: exit ${code}: ${stdout}${stderr}`);
    return stdout.trimEnd();
  }

  /**
   * Runs words that go on with a program, here a shell's script. It begins when something that the program said has come
   * through: callers of a runtime open their end of its streams when they come to it, with any runtime, and what was said
   * before that does not reach them. Nor does it end before all that it said has come through: what the callers of a
   * runtime still read of a program that has ended is theirs to say, and is not always the whole.
   */
  async hear(words: readonly string[], script: string): Promise<Result> {
    const name = String(this.hears++);
    const out = `${this.dir}/out-${name}`;
    const program = [
      `until [ -e /heard/${name} ]; do echo begin; sleep 0.1; done`,
      `( ${script} ); code=$?; echo end`,
      `until [ -e /heard/${name}-whole ]; do sleep 0.1; done; exit $code`,
    ].join('; ');
    let ended = false;
    const whole = ['sh', '-c', 'exec "$@" >"$0"', out, ...words, 'sh', '-c', program];
    const running = this.run(whole).finally(() => {
      ended = true;
    });
    const said = (words: RegExp) => () => ended || (existsSync(out) && words.test(readFileSync(out, 'utf8')));
    await until('it is heard', said(/begin/), 120_000);
    writeFileSync(`${this.heard}/${name}`, '');
    await until('it has said all', said(/end\r?\n$/), 120_000);
    writeFileSync(`${this.heard}/${name}-whole`, '');
    const result = await running;
    const stdout = readFileSync(out, 'utf8').replace(/^(begin\r?\n)+/, '');
    return { ...result, stdout: stdout.replace(/end\r?\n$/, '') };
  }

  /** Starts a daemon; `answers` tells when it is ready. */
  async start(words: readonly string[], answers: readonly string[]): Promise<void> {
    const log = openSync(`${this.dir}/log`, 'w');
    const daemon = spawn('nsenter', this.inside(words), {
      stdio: ['ignore', log, log],
      env: { PATH: process.env.PATH ?? '', ...this.env },
    });
    closeSync(log);
    this.daemon = daemon;
    const ready = async () => {
      assert.equal(daemon.exitCode, null, readFileSync(`${this.dir}/log`, 'utf8'));
      return (await this.run(answers)).code === 0;
    };
    await until(`${words[0]} answers`, ready, 60_000);
  }

  /** Everything that containers leave: records, cgroups, mounts, processes. */
  async left(): Promise<string[]> {
    const { stdout } = await this.run([
      'sh',
      '-c',
      'find /run -path "*/state.json"; cat /proc/self/mountinfo',
    ]);
    const lines = stdout.split('\n').flatMap((line) => {
      const path = line.split(' ')[4];
      if (path === undefined) return line === '' ? [] : [line];
      // Stays mounted on itself, as long as podman's store is used.
      return path.startsWith(`${this.dir}/`) && path !== `${this.dir}/storage/overlay` ? [path] : [];
    });
    const monitors = processes(this.dir).flatMap((pid) => {
      const words = commandOf(pid);
      return /conmon|containerd-shim|bin\/shim-/.test(words) ? [words] : [];
    });
    const cgroups = cgroupsOf(this.cgroup).filter((path) => !path.endsWith('/conmon'));
    return [...lines, ...cgroups, ...monitors].sort();
  }

  /** What stands there before there are containers. */
  async remember(): Promise<void> {
    this.before = await this.left();
  }

  async checkNothingLeft(): Promise<void> {
    let now: string[] = [];
    const same = async () => {
      now = await this.left();
      return now.join('\n') === this.before.join('\n');
    };
    await until('nothing of the containers is left', same, 120_000).catch(() => undefined);
    assert.deepEqual(now, this.before, 'nothing of the containers is left');
  }

  private async close(): Promise<void> {
    if (this.daemon !== undefined) {
      this.daemon.kill('SIGTERM');
      await ended(this.daemon);
    }
    if (this.holder !== undefined) {
      this.holder.kill('SIGKILL');
      await ended(this.holder);
    }
    removeCgroup(this.cgroup);
    rmSync(this.dir, { recursive: true, force: true });
    assert.deepEqual(readdirSync('/var/tmp').includes(this.cgroup), false);
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // It ended meanwhile.
  }
}

/** `count` runs of a job, `lanes` at a time. */
export async function inLanes(
  count: number,
  lanes: number,
  job: (number: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await job(next++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
