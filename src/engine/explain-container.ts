import { errnoOf } from '../base/index.ts';
import type { Plan } from '../plan/index.ts';
import type { ContainerRecord, Endpoint, NetworkRecord, PortRecord, Wiring } from '../storage/index.ts';
import { ownMark, readNetwork } from '../storage/index.ts';
import type { Core } from './core.ts';
import { recordOf } from './create.ts';
import { egressSteps } from './egress.ts';
import { explainImage } from './explain.ts';
import { joinsOf } from './join.ts';
import { DEFAULT_NETWORK, isWired } from './joined.ts';
import { launchPlan } from './launch-plan.ts';
import { draftNetwork } from './network-create.ts';
import { peekEndpoint, requireNetwork } from './plug.ts';
import { prepareSpec } from './prepare.ts';
import type { ContainerSpec, How } from './types.ts';
import { publishOf } from './wire.ts';

/** A host port that nobody asked for: the first of the range the kernel gives out by itself. */
const SOME_PORT = 32_768;

const UNPLUGGED: Wiring = { endpoints: [], publish: [], ports: [] };

/** A network of the store; undefined also when this user may not read it. */
function findNetwork(core: Core, name: string): NetworkRecord | undefined {
  try {
    return readNetwork(core.paths, name);
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return undefined;
    throw error;
  }
}

interface Pretended {
  wiring: Wiring;
  network?: NetworkRecord;
}

/** Addresses and ports as they might be; nothing is taken. */
function pretend(core: Core, spec: ContainerSpec, record: ContainerRecord): Pretended {
  if (!isWired(record.network)) return { wiring: UNPLUGGED };
  const joins = joinsOf(core, spec);
  const isMissing =
    joins.some(({ name }) => name === DEFAULT_NETWORK) && findNetwork(core, DEFAULT_NETWORK) === undefined;
  const network = isMissing ? draftNetwork(core, { name: DEFAULT_NETWORK }) : undefined;
  const networks = joins.map(({ name }) =>
    network?.name === name ? network : requireNetwork(core.paths, name),
  );
  const endpoints = joins.map((join, i): Endpoint => {
    const known = networks[i] ?? requireNetwork(core.paths, join.name);
    return peekEndpoint(core, known, join, `eth${i}`);
  });
  const publish = publishOf(core, spec, record, networks);
  const ports = publish.map((one, i): PortRecord => ({ ...one, hostPort: one.hostPort ?? SOME_PORT + i }));
  return { wiring: { endpoints, publish, ports }, ...(network === undefined ? {} : { network }) };
}

/** The launch plan such a container would have. Changes nothing and needs no root. */
export async function explainContainer(core: Core, spec: ContainerSpec, how: How): Promise<Plan> {
  const image = explainImage(core, spec.image ?? core.defaultImage);
  const id = '0123456789ab'.padEnd(64, '0');
  const prepared = await prepareSpec(core, spec, image);
  // As `run` has it: made and started by one command.
  const made = {
    ...recordOf(core, spec, image, id, spec.name ?? 'bird', prepared),
    startingOwner: ownMark(),
  };
  const { isolation } = made;
  // Which block it would get shows when it is made: the first stands for it.
  const record =
    isolation?.userBlock === undefined ? made : { ...made, isolation: { ...isolation, userBlock: 0 } };
  const pretended = pretend(core, spec, record);
  const limits = await egressSteps(core.paths, record);
  return launchPlan(core, record, how, limits, pretended.wiring, pretended.network);
}
