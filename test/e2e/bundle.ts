/** OCI bundles of busybox, and the runtime driven as its callers drive it. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { after } from 'node:test';
import { command, EXECUTABLE, leftovers, type Options, type Result } from './harness.ts';

export const ROOTFS_TAR = `${process.cwd()}/dist/assets/busybox.tar`;
const CGROUPS = '/sys/fs/cgroup';

/** The whole of config.json; tests change what they are about. */
// biome-ignore lint/suspicious/noExplicitAny: tests put wrong values everywhere on purpose.
export type AnyConfig = any;

/** A runtime root, an engine root for the shim's file, and a cgroup, all of this test file's own. */
export class OciHost {
  readonly dir = mkdtempSync('/var/tmp/mydocker-oci-');
  readonly root = `${this.dir}/state`;
  readonly cgroup = this.dir.slice(this.dir.lastIndexOf('/') + 1);
  private bundles = 0;
  private files = 0;

  constructor() {
    after(() => this.close());
  }

  /**
   * `mydocker oci ARGS` with this root. What leaves a container behind gets files, not pipes: the container holds its
   * runtime's standard streams for as long as it lives, so a pipe would have no end.
   */
  run(args: readonly string[], options: Options = {}): Promise<Result> {
    const stays = args.includes('create') || args.includes('-d') || args.includes('--detach');
    return (stays ? this.toFiles : command)(EXECUTABLE, ['oci', '--root', this.root, ...args], {
      ...options,
      env: { MYDOCKER_ROOT: `${this.dir}/engine`, ...options.env },
    });
  }

  private readonly toFiles = async (
    file: string,
    args: readonly string[],
    options: Options,
  ): Promise<Result> => {
    const base = `${this.dir}/said-${this.files++}`;
    const script = 'out=$1; shift; exec "$@" > "$out.out" 2> "$out.err"';
    const { code } = await command('sh', ['-c', script, 'sh', base, file, ...args], options);
    const [stdout, stderr] = ['out', 'err'].map((end) => {
      const text = readFileSync(`${base}.${end}`, 'utf8');
      rmSync(`${base}.${end}`);
      return text;
    });
    return { code, stdout: stdout ?? '', stderr: stderr ?? '' };
  };

  /** The same for a command that must succeed; its standard output. */
  async ok(...args: string[]): Promise<string> {
    const result = await this.run(args);
    assert.equal(result.code, 0, `oci ${args.join(' ')}: exit ${result.code}: ${result.stderr}`);
    return result.stdout.trimEnd();
  }

  /** And for one that must fail with this code; its standard error, one line. */
  async fails(code: number, ...args: string[]): Promise<string> {
    const result = await this.run(args);
    assert.equal(result.code, code, `oci ${args.join(' ')}: exit ${result.code}: ${result.stderr}`);
    assert.equal(result.stderr.trimEnd().split('\n').length, 1, `one line, got: ${result.stderr}`);
    return result.stderr.trimEnd();
  }

  /** A bundle whose program is `args`, changed as the test wants it. */
  async bundle(
    args: readonly string[],
    change: (config: AnyConfig) => void = () => undefined,
  ): Promise<string> {
    const path = `${this.dir}/bundle-${this.bundles++}`;
    mkdirSync(`${path}/rootfs`, { recursive: true });
    const unpacked = await command('tar', ['-xpf', ROOTFS_TAR, '-C', `${path}/rootfs`]);
    assert.equal(unpacked.code, 0, unpacked.stderr);
    await this.ok('spec', '--bundle', path);
    this.edit(path, (config) => {
      config.process.args = args;
      config.process.terminal = false;
      config.linux.cgroupsPath = `/${this.cgroup}/${path.slice(path.lastIndexOf('/') + 1)}`;
      change(config);
    });
    return path;
  }

  edit(bundle: string, change: (config: AnyConfig) => void): void {
    const file = `${bundle}/config.json`;
    const config = JSON.parse(readFileSync(file, 'utf8'));
    change(config);
    writeFileSync(file, JSON.stringify(config));
  }

  /** Standard output of `run` of a shell script in a bundle of its own. */
  async sh(script: string, change: (config: AnyConfig) => void = () => undefined): Promise<string> {
    const path = await this.bundle(['sh', '-c', script], change);
    const id = `sh-${this.bundles}`;
    const result = await this.run(['run', '--bundle', path, id]);
    assert.equal(result.code, 0, `${script}: exit ${result.code}: ${result.stderr}${result.stdout}`);
    rmSync(path, { recursive: true });
    return result.stdout.trimEnd();
  }

  async state(id: string): Promise<{ status: string; pid: number; [name: string]: unknown }> {
    return JSON.parse(await this.ok('state', id));
  }

  /** Everything of this host that is on the machine still. */
  left(): string[] {
    const records = existsSync(this.root) ? readdirSync(this.root) : [];
    return [...records, ...leftovers(this.dir), ...cgroupsOf(this.cgroup)];
  }

  async close(): Promise<void> {
    const ids = (await this.ok('list', '-q')).split('\n').filter((id) => id !== '');
    for (const id of ids) await this.ok('delete', '--force', id);
    assert.deepEqual(this.left(), [], 'nothing is left');
    removeCgroup(this.cgroup);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function hierarchies(): string[] {
  return [CGROUPS, ...readdirSync(CGROUPS).map((name) => `${CGROUPS}/${name}`)];
}

/** The cgroups below one, in every hierarchy. */
export function cgroupsOf(name: string): string[] {
  return hierarchies()
    .map((top) => `${top}/${name}`)
    .filter((path) => existsSync(path))
    .flatMap((path) =>
      readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? [`${path}/${entry.name}`] : [],
      ),
    );
}

/** Removes an empty cgroup of the test's own from every hierarchy. */
export function removeCgroup(name: string): void {
  for (const top of hierarchies()) {
    const path = `${top}/${name}`;
    if (existsSync(path)) rmdirDeep(path);
  }
}

function rmdirDeep(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) rmdirDeep(`${path}/${entry.name}`);
  // rmSync would try to remove the kernel's files in it.
  process.getBuiltinModule('node:fs').rmdirSync(path);
}
