/** Other container tools, each with state of its own below one directory; what they write elsewhere is lost with them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { command, until } from './harness.ts';

/** They write below /run and /etc whatever they are told: laid over for them alone. */
const ALONE = [
  'mount -t tmpfs none /run',
  'mkdir -p "$0/etc-upper" "$0/etc-work"',
  'mount -t overlay -o "lowerdir=/etc,upperdir=$0/etc-upper,workdir=$0/etc-work" none /etc',
  'exec "$@"',
].join(' && ');

export class Tools {
  readonly directory = mkdtempSync('/var/tmp/mydocker-tools-');
  private daemon: { kill(): Promise<void> } | undefined;

  constructor() {
    mkdirSync(`${this.directory}/client`);
    writeFileSync(`${this.directory}/client/config.json`, '{}');
  }

  private alone(words: readonly string[]): string[] {
    return ['-m', 'sh', '-c', ALONE, this.directory, ...words];
  }

  private get env(): Record<string, string> {
    const { directory } = this;
    return { HOME: directory, DOCKER_HOST: `unix://${directory}/sock`, DOCKER_CONFIG: `${directory}/client` };
  }

  /** Runs one that must succeed; its standard output. */
  private async must(words: readonly string[], isAlone = true): Promise<string> {
    const [file = '', ...args] = isAlone ? ['unshare', ...this.alone(words)] : words;
    const result = await command(file, args, { env: this.env, timeoutMs: 120_000 });
    assert.equal(result.code, 0, `${words.join(' ')}: ${result.stdout}${result.stderr}`);
    return result.stdout.trim();
  }

  skopeo(...args: string[]): Promise<string> {
    return this.must(['skopeo', ...args]);
  }

  umoci(...args: string[]): Promise<string> {
    return this.must(['umoci', ...args]);
  }

  private get storage(): string[] {
    const { directory } = this;
    return ['--root', `${directory}/storage`, '--runroot', `${directory}/runroot`, '--storage-driver', 'vfs'];
  }

  podman(...args: string[]): Promise<string> {
    return this.must(['podman', ...this.storage, '--events-backend', 'none', ...args]);
  }

  buildah(...args: string[]): Promise<string> {
    return this.must(['buildah', ...this.storage, ...args]);
  }

  /** A command to the daemon, which startDocker() started. */
  docker(...args: string[]): Promise<string> {
    return this.must(['docker', ...args], false);
  }

  /** A dockerd without network, for its image store only. */
  async startDocker(): Promise<void> {
    const { directory } = this;
    const log = openSync(`${directory}/log`, 'w');
    const words = [
      ...['dockerd', '-H', `unix://${directory}/sock`, '--log-level=error', '--storage-driver=vfs'],
      ...[
        '--data-root',
        `${directory}/data`,
        '--exec-root',
        `${directory}/exec`,
        '--pidfile',
        `${directory}/pid`,
      ],
      ...['--bridge=none', '--iptables=false', '--ip-forward=false', '--ip-masq=false'],
    ];
    const env = { PATH: process.env.PATH ?? '', ...this.env };
    const child = spawn('unshare', this.alone(words), { stdio: ['ignore', log, log], env });
    closeSync(log);
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.daemon = {
      kill: async () => {
        child.kill('SIGTERM');
        await ended;
      },
    };
    const answers = async (): Promise<boolean> => {
      if (child.exitCode !== null) assert.fail(readFileSync(`${directory}/log`, 'utf8'));
      return (await command('docker', ['version'], { env: this.env })).code === 0;
    };
    await until('dockerd answers', answers, 60_000);
  }

  async close(): Promise<void> {
    await this.daemon?.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
