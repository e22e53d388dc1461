import { badInput } from '../base/index.ts';
import { parseIp } from '../network/index.ts';
import type { ContainerRecord, NetworkRecord, PublishRecord, Wiring } from '../storage/index.ts';
import type { Core } from './core.ts';
import { joinsOf } from './join.ts';
import { plugAll, requireNetwork } from './plug.ts';
import { checkPublish } from './publish-check.ts';
import type { ContainerSpec } from './types.ts';

/** "80/tcp", "8000-8010/udp" of EXPOSE, as `-P` publishes it. */
function exposedRange(text: string): PublishRecord[] {
  const [, first, last, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp))?$/.exec(text) ?? [];
  if (first === undefined) return [];
  const containerPort = Number(first);
  const count = Number(last ?? first) - containerPort + 1;
  // Each on a port of its own: there may be no free ones in a row.
  return Array.from({ length: Math.max(count, 0) }, (_, i) => ({
    protocol: protocol as 'tcp' | 'udp',
    hostIp: '',
    containerPort: containerPort + i,
    count: 1,
  }));
}

/** What to publish, checked against the networks it would be reached by. Throws BAD_INPUT. */
export function publishOf(
  core: Core,
  spec: ContainerSpec,
  record: ContainerRecord,
  networks: readonly NetworkRecord[],
): PublishRecord[] {
  const asked = (spec.publish ?? []).map((one) => ({ ...one }));
  const given = new Set(
    asked.flatMap((p) => Array.from({ length: p.count }, (_, i) => `${p.containerPort + i}/${p.protocol}`)),
  );
  const all = record.networking?.publishAll === true ? (record.networking.exposed ?? []) : [];
  const more = all.flatMap(exposedRange).filter((p) => !given.has(`${p.containerPort}/${p.protocol}`));
  const hostIp = core.publishIp;
  const isAddress = hostIp === '' || parseIp(hostIp) !== undefined;
  if (!isAddress) {
    throw badInput(`the address to publish ports on, "${hostIp}", is none`, {
      subject: hostIp,
      remedy: 'set MYDOCKER_PUBLISH_IP to an address of this host, or unset it for all of them',
    });
  }
  const list = [...asked, ...more].map((one) => (one.hostIp === '' ? { ...one, hostIp } : one));
  checkPublish(list, networks);
  return list;
}

/** Takes the addresses of a new container that is in networks. */
export function wire(core: Core, spec: ContainerSpec, record: ContainerRecord): Wiring {
  const joins = joinsOf(core, spec);
  const networks = joins.map(({ name }) => requireNetwork(core.paths, name));
  const publish = publishOf(core, spec, record, networks);
  return { endpoints: plugAll(core, record.id, joins), publish, ports: [] };
}
