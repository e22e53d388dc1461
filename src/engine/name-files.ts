import { closeSync, constants, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { errnoOf, NEW_OR_EMPTY } from '../base/index.ts';
import {
  type ContainerRecord,
  containerDir,
  type Paths,
  readNetwork,
  readRecord,
  runDir,
  type Wiring,
} from '../storage/index.ts';
import { sharedNetwork } from './joined.ts';
import { resolvConfOf } from './resolver.ts';
import { isBroken } from './status.ts';

/*
 * /etc/hosts, /etc/hostname and /etc/resolv.conf of a container, bound over the image's. They are files of its directory;
 * those of `run --rm`, which runs once, of its run directory: a file costs 0.01 ms on a tmpfs, and up to 0.3 on a disk.
 */

const HOSTS =
  '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n';

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  }
}

/** "name:address" as a line; "host-gateway" is the host as the container reaches it. */
function extraLine(entry: string, hostGateway: string): string {
  const colon = entry.indexOf(':');
  const address = entry.slice(colon + 1);
  return `${address === 'host-gateway' ? hostGateway : address}\t${entry.slice(0, colon)}\n`;
}

/** hosts(5): the whole name first, then the short one. */
function hostNames({ hostname, isolation }: ContainerRecord): string {
  const domain = isolation?.domainname;
  if (domain !== undefined && domain !== '') return `${hostname}.${domain} ${hostname}`;
  const dot = hostname.indexOf('.');
  return dot <= 0 ? hostname : `${hostname} ${hostname.slice(0, dot)}`;
}

export function hostsFile(paths: Paths, record: ContainerRecord, wiring: Wiring | undefined): string {
  const endpoints = wiring?.endpoints ?? [];
  const first = endpoints[0];
  const gateway =
    first === undefined ? '127.0.0.1' : (readNetwork(paths, first.network)?.gateway ?? '127.0.0.1');
  const extra = (record.networking?.extraHosts ?? []).map((entry) => extraLine(entry, gateway)).join('');
  if (record.network === 'host' && existsSync('/etc/hosts')) return `${read('/etc/hosts')}${extra}`;
  const own = endpoints.flatMap(({ ip, ip6 }) => (ip6 === undefined ? [ip] : [ip, ip6]));
  const addresses = own.length === 0 ? ['127.0.1.1'] : own;
  const names = hostNames(record);
  return `${HOSTS}${extra}${addresses.map((ip) => `${ip}\t${names}\n`).join('')}`;
}

/** True where the start is to write them: for one that `run --rm` makes, which runs once and has them to itself. */
export function areMadeByStart({ autoRemove, startingOwner, isolation, network }: ContainerRecord): boolean {
  // A mount that maps owners is not to be had on a tmpfs before kernel 6.3.
  const ofOthers = isolation?.users !== undefined || sharedNetwork({ network }) !== undefined;
  return autoRemove && startingOwner !== undefined && !ofOthers;
}

/** Where the three of a container lie. With another's network namespace come its names. */
export function namesDirOf(paths: Paths, record: ContainerRecord): string {
  const shared = sharedNetwork(record);
  const owner = shared === undefined ? record : readRecord(paths, shared);
  const own = containerDir(paths, shared ?? record.id);
  if (owner === undefined || isBroken(owner) || !owner.autoRemove || existsSync(`${own}/hosts`)) return own;
  // One that is only explained is not there at all.
  return areMadeByStart(owner) || existsSync(own) ? runDir(paths, owner.id) : own;
}

export const NAME_FILES = ['hosts', 'hostname', 'resolv.conf'] as const;

/** Writes the three, of a directory that is not in its place yet. */
export function writeNameFiles(
  paths: Paths,
  directory: string,
  record: ContainerRecord,
  wiring: Wiring | undefined,
): void {
  const texts = [hostsFile(paths, record, wiring), `${record.hostname}\n`, resolvConfOf(record, wiring)];
  for (const [i, name] of NAME_FILES.entries())
    writeFileSync(`${directory}/${name}`, texts[i] ?? '', { mode: 0o644, flag: NEW_OR_EMPTY });
}

/** After a change of networks: in place, for the file is bound into the running container. Nothing when that has ended. */
export function rewriteHosts(paths: Paths, record: ContainerRecord, wiring: Wiring): void {
  try {
    // Not made where it is not: there is nobody then who has it mounted.
    const fd = openSync(`${namesDirOf(paths, record)}/hosts`, constants.O_WRONLY | constants.O_TRUNC);
    try {
      writeSync(fd, hostsFile(paths, record, wiring));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw error;
  }
}
