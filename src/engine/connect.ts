import { badInput, MydockerError } from '../base/index.ts';
import { parseIp } from '../network/index.ts';
import { type ContainerRecord, readNetwork, type Wiring } from '../storage/index.ts';
import { changeWiring } from './change-wiring.ts';
import type { Core } from './core.ts';
import { checkDefaultUse } from './join.ts';
import { DEFAULT_NETWORK } from './joined.ts';
import { findNetwork, networkNameOf } from './network-find.ts';
import { plug } from './plug.ts';
import type { NetworkJoin } from './types.ts';

/** The lowest name of an interface that it does not have. */
function freeLink({ endpoints }: Wiring): string {
  for (let i = 0; ; i++) if (!endpoints.some(({ link }) => link === `eth${i}`)) return `eth${i}`;
}

function checkAddress(flag: string, text: string | undefined, length: number): void {
  if (text === undefined || parseIp(text)?.length === length) return;
  throw badInput(`${flag} "${text}" is no IPv${length === 4 ? 4 : 6} address`, {
    subject: flag,
    remedy: 'give one of the network’s subnet, or none, and a free one is chosen',
  });
}

/** Plugs a container into one more network. */
export async function connect(core: Core, record: ContainerRecord, join: NetworkJoin): Promise<void> {
  const { name, id } = findNetwork(core.paths, join.name, 'connect to');
  const what = `connect ${record.name} to ${name}`;
  checkAddress('--ip', join.ip, 4);
  checkAddress('--ip6', join.ip6, 16);
  checkDefaultUse({ ...join, name });
  await changeWiring(core, record.id, what, ({ wiring }) => {
    if (wiring.endpoints.some(({ networkId }) => networkId === id)) {
      throw new MydockerError('CONNECTED', `cannot ${what}: it is in that network already`, {
        subject: record.name,
        remedy: `see how with: mydocker network inspect ${name}`,
        exitCode: 1,
      });
    }
    const endpoint = plug(core, record.id, { ...join, name }, freeLink(wiring));
    return { ...wiring, endpoints: [...wiring.endpoints, endpoint] };
  });
}

/** Takes a container out of a network. `force`: that it is not in it is no error. False: it was not. */
export async function disconnect(
  core: Core,
  record: ContainerRecord,
  ref: string,
  force: boolean,
): Promise<boolean> {
  const name = ref === DEFAULT_NETWORK ? ref : networkNameOf(core.paths, ref);
  const what = `disconnect ${record.name} from ${name}`;
  const network = readNetwork(core.paths, name);
  const notIn = (): MydockerError =>
    new MydockerError('NOT_CONNECTED', `cannot ${what}: it is not in that network`, {
      subject: record.name,
      remedy: `see its networks with: mydocker inspect ${record.name}`,
      exitCode: 1,
    });
  try {
    await changeWiring(core, record.id, what, ({ wiring }) => {
      const endpoints = wiring.endpoints.filter((end) => end.networkId !== network?.id);
      if (endpoints.length === wiring.endpoints.length) throw notIn();
      return { ...wiring, endpoints };
    });
    return true;
  } catch (error) {
    const isOut = error instanceof MydockerError && error.code === 'NOT_CONNECTED';
    if (!isOut || !force) throw error;
    return false;
  }
}
