/** A network namespace with another host on a wire, and the tools in it, each with state of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, execute, output } from './command.ts';
import { IMAGE, ROOTFS_TAR } from './peers/peer.ts';
import { CGROUP } from './place.ts';
import type { Series } from './series.ts';

const HOST_IP = '198.51.100.2';
const OTHER_IP = '198.51.100.10';
const TRIES = 150;
const TRY_MS = 200;

export interface NetTool {
  name: string;
  flags: readonly string[];
  command(...args: readonly string[]): Command;
}

export class Bed {
  readonly root: string;
  readonly ours: NetTool;
  readonly tools: NetTool[];
  /** Tools that cannot take part. */
  readonly lost: Series[] = [];
  readonly hostIp = HOST_IP;
  readonly host = `/proc/${process.pid}/ns/net`;
  private readonly children: ChildProcess[] = [];
  private readonly env: Record<string, string>;

  constructor(private readonly directory: string) {
    this.root = `${directory}/mydocker`;
    this.env = { PATH: process.env.PATH ?? '', HOME: directory };
    this.ours = this.tool('mydocker', [`${process.cwd()}/mydocker`], { MYDOCKER_ROOT: this.root });
    this.tools = [this.ours];
  }

  get other(): string {
    return `/proc/${this.children[0]?.pid ?? 0}/ns/net`;
  }

  private tool(
    name: string,
    head: readonly string[],
    more: Record<string, string>,
    flags: readonly string[] = [],
  ): NetTool {
    const env = { ...this.env, ...more };
    return { name, flags, command: (...args) => ({ argv: [...head, ...args], env }) };
  }

  private ip(...args: readonly string[]): Promise<string> {
    return output({ argv: ['ip', ...args], env: this.env });
  }

  async open(): Promise<void> {
    const other = spawn('unshare', ['--net', 'sleep', '100000'], { stdio: 'ignore' });
    this.children.push(other);
    await sleep(TRY_MS);
    await this.ip('link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', String(other.pid));
    await this.ip('addr', 'add', `${HOST_IP}/24`, 'dev', 'wire');
    await this.ip('link', 'set', 'wire', 'up');
    for (const line of [`addr add ${OTHER_IP}/24 dev wire`, 'link set wire up', 'link set lo up'])
      await output({ argv: ['nsenter', `--net=${this.other}`, 'ip', ...line.split(' ')], env: this.env });
    await output(this.ours.command('run', '--rm', IMAGE, 'true'));
    for (const [name, prepare] of [
      ['docker', () => this.docker()],
      ['podman', () => this.podman()],
    ] as const) {
      try {
        const tool = await prepare();
        await output(tool.command('run', '--rm', ...tool.flags, IMAGE, 'true'));
        this.tools.push(tool);
      } catch (error) {
        this.lost.push({
          tool: name,
          samples: [],
          failure: error instanceof Error ? error.message : String(error),
        });
      }
    }
  }

  private async docker(): Promise<NetTool> {
    const base = `${this.directory}/docker`;
    mkdirSync(base);
    writeFileSync(`${base}/daemon.json`, '{}');
    const log = openSync(`${base}/log`, 'w');
    const args = [
      '--config-file',
      `${base}/daemon.json`,
      '--data-root',
      `${base}/data`,
      '--exec-root',
      `${base}/exec`,
    ];
    const more = ['--pidfile', `${base}/pid`, '-H', `unix://${base}/sock`, '--bip', '172.31.9.1/24'];
    const rest = [`--cgroup-parent=/${CGROUP}`, '--log-level=error'];
    const child = spawn('dockerd', [...args, ...more, ...rest], {
      stdio: ['ignore', log, log],
      env: this.env,
    });
    closeSync(log);
    this.children.push(child);
    child.once('error', () => {});
    const tool = this.tool('docker', ['docker'], { DOCKER_HOST: `unix://${base}/sock` });
    for (let tries = 0; (await execute(tool.command('version'))).code !== 0; tries++) {
      if (tries === TRIES || child.exitCode !== null) throw new Error('dockerd does not answer');
      await sleep(TRY_MS);
    }
    await output(tool.command('import', ROOTFS_TAR, IMAGE));
    return tool;
  }

  private async podman(): Promise<NetTool> {
    const base = `${this.directory}/podman`;
    const head = [
      ...['podman', '--root', `${base}/root`, '--runroot', `${base}/run`, '--tmpdir', `${base}/tmp`],
      ...['--network-config-dir', `${base}/net`, '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'],
      ...(existsSync('/usr/bin/runc') || existsSync('/usr/sbin/runc') ? ['--runtime', 'runc'] : []),
    ];
    const flags = [
      '--cgroup-parent',
      `/${CGROUP}`,
      '--pull',
      'never',
      '--ulimit',
      'nofile=1024:1024',
      '--ulimit',
      'nproc=4096:4096',
    ];
    const tool = this.tool('podman', head, {}, flags);
    await output(tool.command('import', ROOTFS_TAR, IMAGE));
    return tool;
  }

  async close(): Promise<void> {
    for (const tool of this.tools) {
      const ids = (await execute(tool.command('ps', '-aq'))).stdout.split(/\s+/).filter((id) => id !== '');
      if (ids.length > 0) await execute(tool.command('rm', '-f', ...ids));
    }
    for (const child of this.children.reverse()) {
      if (child.exitCode !== null || child.pid === undefined) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
  }
}
