import { MydockerError } from '../base/index.ts';
import type { ContainerRecord, PortRecord, PublishRecord, Wiring } from '../storage/index.ts';
import { changeWiring } from './change-wiring.ts';
import type { Core } from './core.ts';
import { requireNetwork } from './plug.ts';
import { isSame, releasePorts, takeRange } from './ports.ts';
import { checkPublish } from './publish-check.ts';
import type { PortChanges, PublishSpec } from './types.ts';

/** "8080:80/tcp", "80/tcp". */
function said({ hostIp, hostPort, containerPort, count, protocol }: PublishSpec): string {
  const span = (first: number): string => (count === 1 ? `${first}` : `${first}-${first + count - 1}`);
  const ip = hostIp === '' ? '' : hostIp.includes(':') ? `[${hostIp}]:` : `${hostIp}:`;
  return `${ip}${hostPort === undefined ? '' : `${span(hostPort)}:`}${span(containerPort)}/${protocol}`;
}

/** What is asked for and where it is reached now, side by side. */
type Pair = readonly [publish: PublishRecord, port: PortRecord | undefined];

function pairs({ publish, ports }: Wiring): Pair[] {
  return publish.map((one, i): Pair => {
    const port = ports[i];
    return [one, port !== undefined && isSame(one, port) ? port : undefined];
  });
}

/** A part that was left out fits all. */
function fits(asked: PublishSpec, [publish, port]: Pair): boolean {
  const hostPort = port?.hostPort ?? publish.hostPort;
  return (
    asked.protocol === publish.protocol &&
    asked.containerPort === publish.containerPort &&
    asked.count === publish.count &&
    (asked.hostIp === '' || asked.hostIp === publish.hostIp) &&
    (asked.hostPort === undefined || asked.hostPort === hostPort)
  );
}

function notPublished(name: string, asked: PublishSpec, list: readonly Pair[]): MydockerError {
  const have = list.map(([publish, port]) => said({ ...publish, ...port })).join(', ');
  return new MydockerError(
    'NOT_PUBLISHED',
    `cannot take ${said(asked)} from ${name}: it publishes ${have === '' ? 'nothing' : have}`,
    { subject: said(asked), remedy: 'give a whole range as it is published', exitCode: 1 },
  );
}

/**
 * Other published ports of a container: at once, if it runs, and for its later starts. Throws BAD_INPUT, PORT_IN_USE,
 * NOT_PUBLISHED; nothing is changed then.
 */
export async function changePorts(core: Core, record: ContainerRecord, changes: PortChanges): Promise<void> {
  const { add = [], remove = [] } = changes;
  await changeWiring(core, record.id, `update the ports of ${record.name}`, async ({ wiring, isRunning }) => {
    let list = pairs(wiring);
    for (const asked of remove) {
      const kept = list.filter((pair) => !fits(asked, pair));
      if (kept.length === list.length) throw notPublished(record.name, asked, list);
      list = kept;
    }
    const more = add.map(
      (one): PublishRecord => (one.hostIp === '' ? { ...one, hostIp: core.publishIp } : { ...one }),
    );
    const publish = [...list.map(([one]) => one), ...more];
    const networks = wiring.endpoints.map(({ network }) => requireNetwork(core.paths, network));
    if (more.length > 0) checkPublish(publish, networks);
    const kept = list.flatMap(([, port]) => port ?? []);
    if (!isRunning) return { ...wiring, publish, ports: kept };
    return { ...wiring, publish, ports: [...kept, ...(await takeAll(core, record.id, wiring, more))] };
  });
}

/** All, or none; those it had before are not given back. */
async function takeAll(
  core: Core,
  id: string,
  before: Wiring,
  list: readonly PublishRecord[],
): Promise<PortRecord[]> {
  const taken: PortRecord[] = [];
  const had = (range: PortRecord, port: number): boolean =>
    before.ports.some(
      (one) =>
        one.protocol === range.protocol &&
        one.hostIp === range.hostIp &&
        port >= one.hostPort &&
        port < one.hostPort + one.count,
    );
  try {
    for (const one of list) taken.push(await takeRange(core, id, one, undefined));
    return taken;
  } catch (error) {
    for (const range of taken)
      for (let port = range.hostPort; port < range.hostPort + range.count; port++)
        if (!had(range, port)) releasePorts(core, id, { ...range, hostPort: port, count: 1 });
    throw error;
  }
}
