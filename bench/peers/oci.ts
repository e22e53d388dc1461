/** runc and crun, and mydocker as they are called: no images, no store; they run an unpacked bundle. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Command, output } from '../command.ts';
import { CGROUP, makeVolatile, type Place } from '../place.ts';
import { IDLE, type Peer, ROOTFS_TAR } from './peer.ts';

interface Config {
  process: { terminal: boolean; args: readonly string[]; rlimits?: unknown };
  linux: { cgroupsPath?: string };
}

/** A bundle with the tool's own default configuration (`spec`): new namespaces, an empty network. */
export async function makeBundle(
  place: Place,
  tool: string,
  name: string,
  args: readonly string[],
  program = tool,
): Promise<string> {
  const bundle = `${place.directory}/${tool}/${name}`;
  mkdirSync(`${bundle}/rootfs`, { recursive: true });
  const { env } = place;
  await output({ argv: ['tar', '-xpf', ROOTFS_TAR, '-C', `${bundle}/rootfs`], env });
  await output({ argv: ['sh', '-c', 'cd "$1" && exec "$2" spec', 'sh', bundle, program], env });
  const file = `${bundle}/config.json`;
  const config = JSON.parse(readFileSync(file, 'utf8')) as Config;
  config.process.terminal = false;
  config.process.args = args;
  config.linux.cgroupsPath = `/${CGROUP}/${tool}-${name}`;
  writeFileSync(file, JSON.stringify(config));
  return bundle;
}

export function ociPeer(place: Place, tool: 'runc' | 'crun'): Peer {
  const { env } = place;
  const state = `${place.directory}/${tool}/state`;
  const command = (...args: readonly string[]): Command => ({ argv: [tool, '--root', state, ...args], env });
  let idle = false;
  let runs = 0;
  let trueBundle = '';
  const runTrue = () => command('run', '--bundle', trueBundle, `true-${runs++}`);
  return {
    name: tool,
    open: async () => {
      makeVolatile(state);
      trueBundle = await makeBundle(place, tool, 'true', ['true']);
      await output(runTrue());
    },
    close: async () => {
      if (idle) await output(command('delete', '--force', 'idle'));
    },
    version: async () =>
      (await output(command('--version'))).split('\n')[0]?.replace(/^.*version /, '') ?? '',
    runTrue,
    openIdle: async () => {
      const bundle = await makeBundle(place, tool, 'idle', IDLE);
      idle = true;
      await output(command('run', '--detach', '--bundle', bundle, 'idle'));
    },
    execTrue: () => command('exec', 'idle', 'true'),
  };
}
