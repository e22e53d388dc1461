/** A dockerd of the bench's own: its files, socket and containers lie apart from the host's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { execute, lastWords, output } from '../command.ts';
import { parentPid } from '../memory.ts';
import { CGROUP, makeVolatile, type Place } from '../place.ts';
import { imageTool } from './image-tool.ts';
import { dockerLike, IMAGE, type Peer, ROOTFS_TAR } from './peer.ts';

const READY_TRIES = 150;
const TRY_MS = 200;

function startDaemon(place: Place, directory: string): ChildProcess {
  mkdirSync(directory);
  makeVolatile(`${directory}/exec`);
  writeFileSync(`${directory}/daemon.json`, '{}');
  const log = openSync(`${directory}/log`, 'w');
  const args = [
    ...['--config-file', `${directory}/daemon.json`, '--data-root', `${directory}/data`],
    ...[
      '--exec-root',
      `${directory}/exec`,
      '--pidfile',
      `${directory}/pid`,
      '-H',
      `unix://${directory}/sock`,
    ],
    ...['--bridge=none', '--iptables=false', '--ip-forward=false', '--ip-masq=false'],
    ...[`--cgroup-parent=/${CGROUP}`, '--log-level=error'],
  ];
  // A process group of its own: Ctrl-C is for the bench, which then ends it in order.
  const child = spawn('dockerd', args, { stdio: ['ignore', log, log], env: place.env, detached: true });
  closeSync(log);
  return child;
}

/** The error among the daemon's lines, or its last line. */
function daemonError(directory: string): string {
  const lines = readFileSync(`${directory}/log`, 'utf8').split('\n');
  const told = lines.filter((line) => /level=(error|fatal)|^failed/.test(line));
  return lastWords((told.length > 0 ? told : lines).join('\n'));
}

export function dockerPeer(place: Place): Peer {
  const directory = `${place.directory}/docker`;
  const env = {
    ...place.env,
    DOCKER_HOST: `unix://${directory}/sock`,
    DOCKER_CONFIG: `${directory}/client`,
  };
  const docker = (...args: readonly string[]) => ({ argv: ['docker', ...args], env });
  const common = dockerLike(['docker'], env, []);
  let daemon: ChildProcess | undefined;
  let ended: Promise<unknown> | undefined;
  let error: Error | undefined;

  const ready = async (): Promise<void> => {
    for (let tries = 0; tries < READY_TRIES; tries++) {
      if (error !== undefined) throw new Error(`dockerd: ${error.message}`);
      if (daemon?.exitCode !== null) throw new Error(`dockerd ended: ${daemonError(directory)}`);
      const { code } = await execute(docker('version'));
      if (code === 0) return;
      await sleep(TRY_MS);
    }
    throw new Error(`dockerd does not answer: ${daemonError(directory)}`);
  };

  return {
    name: 'docker',
    ...common,
    images: imageTool(['docker'], env),
    open: async () => {
      const child = startDaemon(place, directory);
      daemon = child;
      ended = new Promise((resolve) => {
        child.once('exit', resolve);
        child.once('error', (cause) => {
          error = cause;
          resolve(undefined);
        });
      });
      await ready();
      await output(docker('import', ROOTFS_TAR, IMAGE));
    },
    close: async () => {
      if (daemon === undefined || daemon.exitCode !== null || error !== undefined) return;
      try {
        await common.store.removeAll();
      } finally {
        daemon.kill('SIGTERM');
        await ended;
      }
    },
    version: async () => {
      const format = 'client {{.Client.Version}}, daemon {{.Server.Version}}';
      return output(docker('version', '--format', format));
    },
    monitorPid: async () => parentPid(await common.containerPid()),
  };
}
