import { output } from '../command.ts';
import { parentPid } from '../memory.ts';
import { makeVolatile, type Place } from '../place.ts';
import { imageTool } from './image-tool.ts';
import { dockerLike, type Peer } from './peer.ts';

/** The executable as a user calls it, past the launcher, with a root directory of its own. */
export function mydockerPeer(place: Place): Peer {
  // The launcher, as the README has it: its own cost is in every figure.
  const program = `${process.cwd()}/mydocker`;
  const env = { ...place.env, MYDOCKER_ROOT: `${place.directory}/mydocker` };
  const common = dockerLike([program], env, []);
  return {
    name: 'mydocker',
    ...common,
    images: imageTool([program], env),
    // The first run unpacks the default image.
    open: async () => {
      makeVolatile(`${env.MYDOCKER_ROOT}/run`);
      await output(common.runTrue());
    },
    close: () => common.store.removeAll(),
    version: async () => {
      const text = await output({ argv: [program, 'version'], env });
      const value = (label: string) => new RegExp(`^${label}: (.*)$`, 'm').exec(text)?.[1] ?? '?';
      return `${value('Version')}, on ${value('Runtime')}`;
    },
    monitorPid: async () => parentPid(await common.containerPid()),
  };
}
